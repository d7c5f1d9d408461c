package tenancy

import (
	"slices"
	"strings"

	"gatehouse/shards"
)

// Residency names the regions in which an account's data may lie and be
// served: one, or several in their order, separated by commas. What names none
// allows none (invariant 5).
type Residency string

// ParseResidency reads what a person may write, in any order.
func ParseResidency(text string) (Residency, error) {
	regions := strings.Split(text, ",")
	for i, region := range regions {
		regions[i] = strings.TrimSpace(region)
		if err := checkRegion(regions[i]); err != nil {
			return "", err
		}
	}
	if len(regions) > maxRegions {
		return "", refuse("a residency may name %d regions at most", maxRegions)
	}
	slices.Sort(regions)
	return Residency(strings.Join(slices.Compact(regions), ",")), nil
}

const maxRegions = 10

// Allows reports whether the data may lie in a region.
func (r Residency) Allows(region string) bool {
	for allowed := range strings.SplitSeq(string(r), ",") {
		if allowed == region && region != "" {
			return true
		}
	}
	return false
}

func checkRegion(s string) error {
	ok := len(s) >= 2 && len(s) <= 10
	for i := 0; ok && i < len(s); i++ {
		ok = isUpper(s[i]) || isDigit(s[i])
	}
	if !ok {
		return refuse("a region must be 2 to 10 upper-case letters and digits, for example UK")
	}
	return nil
}

// checkResidency refuses a shard which, itself or by a replica, lies where the
// account's data may not be.
func checkResidency(r Residency, s shards.Spec) error {
	allowed, regions := r.Allows(s.Region), s.Region
	for _, replica := range s.Replicas {
		allowed, regions = allowed && r.Allows(replica.Region), regions+" and "+replica.Region
	}
	if !allowed {
		return refuse("the shard %s lies in %s, but the account's data must stay in %s", s.ID, regions, r)
	}
	return nil
}
