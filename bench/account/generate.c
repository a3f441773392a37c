/*
 * generate.c: accounts some of which are one company, with the truth.
 *
 *	generate STYLE RECORDS SEED
 *
 * STYLE says how names are made: common (three words out of small lists, so that many companies have the same name), people (surnames) or
 * coined (words that nobody else has). A quarter of the companies are there more than once, each time with one to three of: a letter wrong,
 * another legal form, abbreviations, another form of the domain, words swapped, a word left out, a phone, domain, street, city or postal code
 * missing, changed or misspelt, other case. And there are companies that only look like duplicates: the same name in another city, a
 * sister on the same site, a franchise. Lines as main.c reads them.
 */
#include "../random.h"

#define MOST_WORDS	4

typedef struct Company
{
	int			words;
	char		word[MOST_WORDS][40];
	const char *legal;
	char		domain[200];	/* empty: not known; so it is with all */
	char		phone[12];
	char		street[60];
	char		city[40];
	char		state[4];
	char		postal_code[8];
	const char *country;
	int			house;
	int			type;
	int			letter_case;
} Company;

static const char *const style_names[] = {"common", "people", "coined"};
static int	style;
static int	records;
static int	most;
static int	truth;
static int *number;				/* shuffled keys */

static const char *const syllables[] = {
	"ba", "be", "bo", "da", "de", "di", "fa", "fe", "fo", "ga", "go", "ka", "ke", "ki", "la", "le", "lo", "ma", "me", "mi", "na", "ne", "no", "pa", "pe", "po", "ra", "re", "ri", "sa",
	"se", "so", "ta", "te", "ti", "va", "ve", "vi", "za", "zo", "tra", "pli", "gren", "stol", "bran", "kry", "dru",
};
static const char *const ends[] = {"", "", "n", "r", "x", "s", "l", "m", "nt", "rd", "ck"};
static const char *const adjectives[] = {
	"Global", "Advanced", "Premier", "Pacific", "Atlantic", "Northern", "Southern", "Western", "United", "American", "National", "Royal", "Golden", "Silver", "Blue", "Bright", "Summit",
	"Apex", "Pinnacle", "Quantum", "Nova", "Stellar", "Delta", "Alpha", "Omega", "Titan", "Phoenix", "Falcon", "Eagle", "Iron", "Crystal", "Diamond", "Granite", "Cedar", "Oak", "Maple", "River", "Ocean",
	"Valley", "Harbor", "Metro", "Urban", "Prime", "First", "Modern", "Digital", "Smart", "Rapid", "Dynamic", "Strategic", "Creative", "Reliable", "Liberty", "Victory", "Horizon", "Pioneer", "Keystone", "Gateway",
};
static const char *const trades[] = {
	"Data", "Cloud", "Energy", "Power", "Water", "Food", "Health", "Dental", "Pharma", "Chemical", "Plastics", "Metals", "Mining", "Motor", "Marine", "Aviation", "Defense", "Security", "Insurance",
	"Capital", "Financial", "Property", "Building", "Construction", "Design", "Engineering", "Manufacturing", "Machine", "Electric", "Software", "Network", "Telecom", "Media", "Marketing", "Print", "Packaging",
	"Logistics", "Freight", "Travel", "Hotel", "Beverage", "Garden", "Fitness", "Textile", "Education", "Training", "Legal", "Audit", "Staffing", "Research",
};
static const char *const suffixes[] = {
	"Solutions", "Systems", "Services", "Group", "Technologies", "Partners", "Industries", "Enterprises", "Associates", "Holdings", "International", "Consulting", "Labs", "Products", "Supply", "Ventures",
};
static const char *const legal_forms[] = {"Inc", "Inc.", "LLC", "Ltd", "Limited", "Corp.", "Corporation", "GmbH", "S.A.", "AG", "PLC", "Co.", "", "", ""};
static const char *const abbreviations[][2] = {
	{"International", "Intl"}, {"Technologies", "Tech"}, {"Systems", "Sys"}, {"Services", "Svcs"}, {"Manufacturing", "Mfg"}, {"Associates", "Assoc"}, {"Group", "Grp"}, {"Solutions", "Solns"},
	{"Financial", "Fin"}, {"Engineering", "Eng"}, {"Industries", "Ind"}, {"National", "Natl"}, {"Holdings", "Hldgs"}, {"Enterprises", "Ent"}, {"Consulting", "Cons"}, {"Partners", "Ptnrs"}, {"American", "Amer"},
};
static const char *const street_names[] = {"Main", "Oak", "Pine", "Cedar", "Elm", "Washington", "Lake", "Hill", "Park", "River", "Church", "High", "Market", "Mill", "Spring", "Center", "Union", "Bridge"};
static const char *const street_types[][2] = {{"Street", "St"}, {"Avenue", "Ave"}, {"Road", "Rd"}, {"Boulevard", "Blvd"}, {"Drive", "Dr"}};

#define PICK(list) (list)[below(lengthof(list))]

/* The same word for the same number. */
static void
coin(int syllable_count, uint64 of, char *word)
{
	int			length = 0;

	for (int i = 0; i < syllable_count; i++)
	{
		of = of * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
		length += sprintf(word + length, "%s", syllables[(of >> 33) % lengthof(syllables)]);
	}
	of = of * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
	strcpy(word + length, ends[(of >> 33) % lengthof(ends)]);
	word[0] = pg_toupper((unsigned char) word[0]);
}

static void
settle(Company *company)
{
	/* Cities are of all sizes. */
	uint64		city = 1 + below(1 + below(3000));

	coin(3, city * 77, company->city);
	strcpy(company->state, company->city);
	company->state[2] = '\0';
	for (char *c = company->state; *c; c++)
		*c = pg_toupper((unsigned char) *c);
	sprintf(company->postal_code, "%03d%02d", (int) (city % 1000), below(40));
	company->house = 1 + below(2000);
	strcpy(company->street, PICK(street_names));
	company->type = below(lengthof(street_types));
	company->country = "United States";
}

static void
new_phone(Company *company)
{
	company->phone[0] = '2' + below(8);
	for (int i = 1; i < 10; i++)
		company->phone[i] = '0' + below(10);
	company->phone[10] = '\0';
}

static void
new_domain(Company *company)
{
	static const char *const tops[] = {".com", ".com", ".com", ".net", ".io", ".org", ".co.uk", ".de"};
	bool		dashes = one_in(4);
	int			length = 0;

	for (int i = 0; i < company->words; i++)
		for (const char *c = company->word[i]; *c; c++)
		{
			if (dashes && i > 0 && c == company->word[i])
				company->domain[length++] = '-';
			company->domain[length++] = pg_tolower((unsigned char) *c);
		}
	/* What is taken is taken by somebody else. */
	if (one_in(3))
		length += sprintf(company->domain + length, "%d", below(100));
	strcpy(company->domain + length, PICK(tops));
}

static void
add_word(Company *company, const char *word)
{
	strcpy(company->word[company->words++], word);
}

static void
new_name(Company *company)
{
	char		word[40];
	int			kind = below(10);

	company->words = 0;
	if (style == 0)
		add_word(company, PICK(adjectives));
	else
	{
		coin(2 + below(style), style == 1 ? (uint64) below(2000) * 31 : (uint64) truth * 131, word);
		add_word(company, word);
		if (kind < 3)
		{
			coin(2 + below(style), style == 1 ? (uint64) below(2000) * 31 : (uint64) truth * 137, word);
			add_word(company, word);
		}
	}
	if (style == 0 || kind >= 6)
		add_word(company, PICK(trades));
	if (style == 0 || kind >= 3)
		add_word(company, PICK(suffixes));
	company->legal = PICK(legal_forms);
}

static void
new_company(Company *company)
{
	memset(company, 0, sizeof(*company));
	new_name(company);
	new_domain(company);
	new_phone(company);
	settle(company);
	if (one_in(16))
		company->domain[0] = '\0';
	if (one_in(16))
		company->phone[0] = '\0';
	if (one_in(16))
		company->street[0] = '\0';
	truth++;
}

/* A letter left out, put in, changed, or swapped with the next. */
static void
misspell(char *text)
{
	int			length = (int) strlen(text);
	int			at;

	if (length < 4)
		return;
	at = 1 + below(length - 2);
	switch (below(4))
	{
		case 0:
			memmove(text + at, text + at + 1, length - at);
			break;
		case 1:
			memmove(text + at + 1, text + at, length - at + 1);
			text[at] = 'a' + below(26);
			break;
		case 2:
			text[at] = 'a' + below(26);
			break;
		default:
			{
				char		letter = text[at];

				text[at] = text[at + 1];
				text[at + 1] = letter;
			}
	}
}

static void
vary_domain(Company *company)
{
	char		core[200];
	char	   *top = strchr(company->domain, '.');

	if (top == NULL)
		return;
	strlcpy(core, company->domain, top - company->domain + 1);
	top = pstrdup(top);
	switch (below(4))
	{
		case 0:
			sprintf(company->domain, "%s%s", core, one_in(2) ? ".net" : ".de");
			break;
		case 1:
			sprintf(company->domain, "%s-inc%s", core, top);
			break;
		case 2:
			sprintf(company->domain, "get%s%s", core, top);
			break;
		default:
			misspell(core);
			sprintf(company->domain, "%s%s", core, top);
	}
}

static void
distort(Company *company)
{
	for (int n = 1 + below(3); n > 0; n--)
		switch (below(14))
		{
			case 0:
			case 1:
				misspell(company->word[below(company->words)]);
				break;
			case 2:
			case 3:
				company->legal = PICK(legal_forms);
				break;
			case 4:
				for (int i = 0; i < company->words; i++)
					for (int k = 0; k < (int) lengthof(abbreviations); k++)
						if (strcmp(company->word[i], abbreviations[k][0]) == 0)
							strcpy(company->word[i], abbreviations[k][1]);
				break;
			case 5:
				vary_domain(company);
				break;
			case 6:
				if (company->words > 1)
				{
					char		word[40];

					strcpy(word, company->word[0]);
					strcpy(company->word[0], company->word[1]);
					strcpy(company->word[1], word);
				}
				break;
			case 7:
				if (one_in(2))
					company->phone[0] = '\0';
				else
					new_phone(company);
				break;
			case 8:
				company->domain[0] = '\0';
				break;
			case 9:
				if (one_in(2))
					company->street[0] = '\0';
				else
					company->house = 1 + below(2000);
				break;
			case 10:
				if (one_in(3))
					company->city[0] = '\0';
				else
					misspell(company->city);
				break;
			case 11:
				company->letter_case = 1 + below(2);
				break;
			case 12:
				if (company->words > 2 && one_in(3))
					company->words--;
				else
					company->postal_code[0] = '\0';
				break;
			default:
				company->country = "USA";
		}
}

static void
print(const Company *company)
{
	static const char *const before[] = {"", "www.", "https://", "https://www.", "http://"};
	static const char *const phone_forms[] = {"(%.3s) %.3s-%s", "+1 %.3s %.3s %s", "%.3s-%.3s-%s", "%.3s%.3s%s", "1.%.3s.%.3s.%s x12"};
	char		name[4 * 40 + 40];
	int			length = 0;

	if (records == most)
		return;
	for (int i = 0; i < company->words; i++)
		length += sprintf(name + length, "%s%s", i == 0 ? "" : " ", company->word[i]);
	if (company->legal[0])
		sprintf(name + length, "%s%s", one_in(3) ? ", " : " ", company->legal);
	for (char *c = name; *c && company->letter_case > 0; c++)
		*c = company->letter_case == 1 ? pg_toupper((unsigned char) *c) : pg_tolower((unsigned char) *c);
	printf("%07d\t%d\t%s\t", number[records++], truth, name);
	if (company->domain[0])
		printf("%s%s%s", PICK(before), company->domain, one_in(4) ? "/" : "");
	printf("\t");
	if (company->phone[0])
		printf(PICK(phone_forms), company->phone, company->phone + 3, company->phone + 6);
	printf("\t");
	if (company->street[0])
		printf("%d %s %s", company->house, company->street, street_types[company->type][below(2)]);
	printf("\t%s\t%s\t%s\t%s\n", company->city, company->state, company->postal_code, company->country);
}

static void
print_duplicates(const Company *company)
{
	for (int n = 1 + below(2) * below(3); n > 0; n--)
	{
		Company		copy = *company;

		distort(&copy);
		print(&copy);
	}
}

/* Another company that looks like this one. */
static void
print_alike(const Company *company)
{
	int			kind = below(100);
	int			count = kind < 8 ? 1 : kind < 9 ? 3 + below(30) : 0;

	for (int i = 0; i < count; i++)
	{
		Company		other = *company;

		truth++;
		if (kind < 5)			/* the same name elsewhere */
		{
			new_domain(&other);
			new_phone(&other);
			settle(&other);
			if (one_in(3))
				other.domain[0] = '\0';
		}
		else if (kind < 8)		/* a sister on the same site */
		{
			other.words = 1;
			add_word(&other, PICK(trades));
			add_word(&other, PICK(suffixes));
			if (one_in(2))
				settle(&other);
			if (one_in(2))
				new_phone(&other);
		}
		else					/* one of a franchise */
		{
			settle(&other);
			new_phone(&other);
			if (one_in(3))
				snprintf(other.phone, sizeof(other.phone), "%.8s%02d", company->phone[0] ? company->phone : "20000000", below(100));
		}
		print(&other);
		if (one_in(4))
			print_duplicates(&other);
	}
}

int
main(int argc, char **argv)
{
	for (style = 0; argc == 4 && style < (int) lengthof(style_names) && strcmp(argv[1], style_names[style]) != 0; style++)
		;
	if (argc != 4 || style == (int) lengthof(style_names))
	{
		fprintf(stderr, "Usage: generate common|people|coined RECORDS SEED\n");
		return 2;
	}
	most = atoi(argv[2]);
	state = UINT64CONST(0x9e3779b97f4a7c15) * (atoi(argv[3]) + 1);
	number = palloc(sizeof(int) * Max(most, 1));
	for (int i = 0; i < most; i++)
	{
		int			k = below(i + 1);

		number[i] = number[k];
		number[k] = i;
	}
	while (records < most)
	{
		Company		company;

		new_company(&company);
		print(&company);
		if (one_in(4))
			print_duplicates(&company);
		print_alike(&company);
	}
	return 0;
}
