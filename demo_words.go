package main

// The words that demo data is made of.

type town struct{ name, area, dial string }

// Dialling codes end in the ranges that Ofcom keeps for drama.
var towns = []town{
	{"London", "SE", "020 7946 0"}, {"London", "N", "020 7946 0"}, {"Leeds", "LS", "0113 496 0"},
	{"Sheffield", "S", "0114 496 0"}, {"Nottingham", "NG", "0115 496 0"}, {"Leicester", "LE", "0116 496 0"},
	{"Bristol", "BS", "0117 496 0"}, {"Reading", "RG", "0118 496 0"}, {"Birmingham", "B", "0121 496 0"},
	{"Edinburgh", "EH", "0131 496 0"}, {"Glasgow", "G", "0141 496 0"}, {"Liverpool", "L", "0151 496 0"},
	{"Manchester", "M", "0161 496 0"}, {"Newcastle upon Tyne", "NE", "0191 498 0"}, {"Cardiff", "CF", "029 2018 0"},
	{"Belfast", "BT", "028 9649 6"},
}

var streets = []string{
	"High", "Church", "Station", "Victoria", "Mill", "Park", "Queen's", "King's", "Albert", "Chapel", "Grange",
	"Manor", "School", "Springfield", "North", "Green", "Windsor", "New", "York", "Alexandra", "Stanley", "Elm",
}

var givenNames = []string{
	"Oliver", "Amelia", "George", "Olivia", "Harry", "Isla", "Noah", "Ava", "Jack", "Emily", "Leo", "Sophia",
	"Arthur", "Grace", "Muhammad", "Freya", "Oscar", "Lily", "Charlie", "Poppy", "Thomas", "Margaret", "David",
	"Susan", "Alistair", "Priya", "Gareth", "Siân", "Callum", "Fiona", "Rhys", "Niamh", "Imran", "Aisha", "Rajesh",
	"Chloë", "Kwame", "Zainab", "Tomasz", "Agnieszka", "Winston", "Beatrice", "Hamish", "Catrin", "Declan", "Eilidh",
}

var surnames = []string{
	"Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Johnson", "Davies", "Patel", "Wright", "Thompson",
	"Evans", "Walker", "White", "Roberts", "Green", "Hall", "Wood", "Jackson", "Clarke", "Khan", "Ahmed", "Hughes",
	"Edwards", "Hill", "Moore", "Clark", "Harrison", "Scott", "Young", "Morris", "Hussain", "Begum", "O'Neill",
	"MacDonald", "Campbell", "Murphy", "Kaur", "Bennett", "Ashworth", "Pritchard", "Okafor", "Nowak", "Sinclair",
	"Llewellyn", "Featherstone", "Blackwood", "Adeyemi", "Chowdhury", "Whitfield",
}

var trades = []string{
	"Bakery", "Joinery", "Plumbing", "Garden Centre", "Motors", "Veterinary Practice", "Dental Care", "Printing",
	"Brewing", "Roofing", "Interiors", "Fisheries", "Logistics", "Community Trust", "Housing Association",
	"Architects", "Farm Shop", "Cycles", "Pharmacy", "Engineering", "Textiles", "Catering", "Lettings",
}

var jobTitles = []string{
	"Adviser", "Senior adviser", "Team leader", "Account manager", "Administrator", "Director", "Assistant", "Analyst",
}

var clientTags = []string{"key account", "newsletter", "referral", "retail", "charity", "public sector", "large print", "welsh speaker", "payment plan"}

var leadTags = []string{"urgent", "tender", "repeat", "event 2026", "needs quote"}

var leadSources = []string{"Website", "Referral", "Telephone", "Trade fair", "Newsletter", "Walk-in", "Partner"}

var lostReasons = []string{
	"Went with another firm.", "The budget was cut.", "No answer after three calls.", "Wanted to start sooner than we could.",
	"Too far away for us to visit.", "Decided to do it in house.",
}

var documentTitles = map[string][]string{
	"note":     {"Call about %s", "Meeting: %s", "Visit, %s"},
	"letter":   {"Letter: %s", "Confirmation of %s"},
	"contract": {"Agreement: %s", "Terms for %s"},
	"form":     {"Enquiry form: %s", "Consent: %s"},
	"invoice":  {"Invoice: %s"},
}

var noteLines = []string{
	"Asked for a call back on Thursday.", "Pleased with how it has gone so far.", "Will send the missing papers by post.",
	"Prefers email to the telephone.", "Is moving house in the spring.", "Wants a second quote before deciding.",
	"The invoice of last month is paid.", "Brought a colleague along.", "Asked who else we work with nearby.",
}

// demoServices are what each demo account sells.
var demoServices = map[string][]string{
	"acme":    {"boiler service", "heat pump survey", "solar panels", "loft insulation", "electrical check", "bathroom refit"},
	"globex":  {"conveyancing", "will and probate", "lease review", "employment advice", "company formation", "mediation"},
	"initech": {"IT support", "office move", "backup service", "phone system", "security review", "staff training"},
}

type team struct {
	name, about string
	parent      int // index of another; -1 at the top
}

var demoTeams = map[string][]team{
	"acme": {
		{"Customer Care", "Looks after everybody who has had work done.", -1},
		{"Northern Homes", "Visits from Leeds, Sheffield and Newcastle.", 0},
		{"Southern Homes", "Visits from Bristol, Reading and London.", 0},
		{"Sales", "Quotes and offers.", -1},
		{"Trade Sales", "Landlords and builders.", 3},
		{"Renewables", "Heat pumps and solar panels.", 3},
	},
	"globex": {
		{"Private Clients", "Families and individuals.", -1},
		{"Property", "Conveyancing and leases.", 0},
		{"Wills and Probate", "Wills, trusts and estates.", 0},
		{"Business Clients", "Companies and charities.", -1},
		{"Employment Law", "Advice for employers and employees.", 3},
		{"New Enquiries", "First calls, and who should take them.", 3},
	},
	"initech": {
		{"Service Desk", "First line, by phone and email.", -1},
		{"Field Engineers", "Visits on site.", 0},
		{"Cloud Operations", "Backups and servers.", 0},
		{"Account Management", "Contracts and renewals.", -1},
		{"Public Sector", "Councils, schools and the health service.", 3},
		{"Small Business", "Firms with fewer than 50 people.", 3},
	},
}
