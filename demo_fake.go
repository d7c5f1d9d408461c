package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// What d.fake lacks: how things are called, written and dialled in the UK.

func (d *demoData) pick(list []string) string { return list[d.fake.IntN(len(list))] }

func (d *demoData) chance(percent int) bool { return d.fake.IntN(100) < percent }

// some returns up to most of the list, in its order, never nil.
func (d *demoData) some(list []string, most int) []string {
	out, left := []string{}, d.fake.IntN(most+1)
	for i, s := range list {
		if d.fake.IntN(len(list)-i) < left {
			out, left = append(out, s), left-1
		}
	}
	return out
}

// weighted takes values and weights in turn.
func (d *demoData) weighted(valuesAndWeights ...any) string {
	total := 0
	for i := 1; i < len(valuesAndWeights); i += 2 {
		total += valuesAndWeights[i].(int)
	}
	at := d.fake.IntN(total)
	for i := 0; ; i += 2 {
		if at -= valuesAndWeights[i+1].(int); at < 0 {
			return valuesAndWeights[i].(string)
		}
	}
}

func (d *demoData) person() string { return d.pick(givenNames) + " " + d.pick(surnames) }

func (d *demoData) company(t town) string {
	switch d.fake.IntN(4) {
	case 0:
		return d.pick(surnames) + " & " + d.pick([]string{"Sons", "Daughters", "Co", "Partners"}) + " Ltd"
	case 1:
		return t.name + " " + d.pick(trades) + " Ltd"
	case 2:
		return d.pick(surnames) + " " + d.pick(trades) + d.pick([]string{" Ltd", " LLP", ""})
	}
	return "The " + d.pick([]string{"Old Mill", "Riverside", "Castle", "Harbour", "Oak Tree", "Corner", "Canal Street", "Abbey"}) + " " +
		d.pick(trades)
}

func (d *demoData) street() string {
	return strconv.Itoa(1+d.fake.IntN(180)) + " " + d.pick(streets) + " " + d.pick([]string{"Street", "Road", "Lane", "Avenue", "Close", "Terrace", "Gardens", "Drive"})
}

func (d *demoData) postcode(t town) string {
	const letters = "ABDEFGHJLNPQRSTUWXYZ" // those that end a postcode
	return fmt.Sprintf("%s%d %d%c%c", t.area, 1+d.fake.IntN(19), d.fake.IntN(10), letters[d.fake.IntN(20)], letters[d.fake.IntN(20)])
}

// phone returns a number of a range that is kept for fiction: nobody has it.
func (d *demoData) phone(dial string) string { return dial + fmt.Sprintf("%03d", d.fake.IntN(1000)) }

const mobile = "07700 900"

// email returns an address that no other record of the account has, in a
// domain that does not exist.
func (d *demoData) email(name, domain string) string {
	local := slug(name, ".")
	d.emails[local+"@"+domain]++
	if n := d.emails[local+"@"+domain]; n > 1 {
		local += strconv.Itoa(n)
	}
	return local + "@" + domain
}

func domainOf(company string) string {
	return slug(strings.TrimSuffix(company, " Ltd"), "-") + ".example"
}

// slug returns the words of s in lower case and without accents, with between them.
func slug(s, between string) string {
	letters := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || r == '\'' {
			return -1
		}
		return r
	}, norm.NFD.String(strings.ToLower(s)))
	return strings.Join(strings.FieldsFunc(letters, func(r rune) bool { return r < 'a' || r > 'z' }), between)
}
