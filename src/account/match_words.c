/*
 * match_words.c: what words of names, addresses and sites mean: legal forms, articles, abbreviations, street types, countries, shared hosts.
 *
 * All lists are of words as match_split() leaves them, sorted where they are searched by halving.
 */
#include "account/match_text.h"

typedef struct Meaning
{
	const char *word;
	const char *means;
} Meaning;

static int
compare_meaning(const void *one, const void *other)
{
	return strcmp(((const Meaning *) one)->word, ((const Meaning *) other)->word);
}

static const char *
meaning_of(const char *word, const Meaning *list, int length)
{
	Meaning		key = {.word = word};
	const Meaning *found = bsearch(&key, list, length, sizeof(Meaning), compare_meaning);

	return found ? found->means : NULL;
}

/*
 * Legal forms, of one to five words, with the family they belong to: Inc. and Corporation are written for each other, GmbH and AG are not.
 */
static const Meaning legal_form[] = {
	{"ab", "ab"}, {"ag", "ag"}, {"aktiengesellschaft", "ag"}, {"ao", "ao"}, {"aps", "aps"}, {"as", "as"}, {"asa", "as"}, {"bhd", "bhd"},
	{"besloten vennootschap", "bv"}, {"bv", "bv"}, {"bvba", "bv"}, {"co", "inc"}, {"co kg", "kg"}, {"company", "inc"}, {"company limited", "ltd"},
	{"corp", "inc"}, {"corporation", "inc"}, {"cv", "cv"}, {"dba", "dba"}, {"dd", "dd"}, {"doo", "doo"}, {"eg", "eg"}, {"eirl", "eirl"}, {"eireli", "ltda"}, {"eood", "ood"},
	{"epp", "ltda"}, {"eurl", "sarl"}, {"ev", "ev"}, {"gbr", "gbr"}, {"gesellschaft mit beschrankter haftung", "gmbh"}, {"gk", "gk"}, {"gmbh", "gmbh"},
	{"gmbh co kg", "kg"}, {"inc", "inc"}, {"incorporated", "inc"}, {"jsc", "jsc"}, {"kabushiki kaisha", "kk"}, {"kft", "kft"}, {"kg", "kg"}, {"kgaa", "kg"}, {"kk", "kk"},
	{"lda", "ltda"}, {"limitada", "ltda"}, {"limited", "ltd"}, {"limited company", "ltd"}, {"limited liability company", "llc"}, {"limited partnership", "lp"}, {"llc", "llc"},
	{"llp", "llp"}, {"lp", "lp"}, {"ltd", "ltd"}, {"ltda", "ltda"}, {"mbh", "gmbh"}, {"naamloze vennootschap", "nv"}, {"nv", "nv"}, {"nyrt", "nyrt"},
	{"ohg", "ohg"}, {"ojsc", "jsc"}, {"ooo", "ooo"}, {"ood", "ood"}, {"ou", "ou"}, {"oy", "oy"}, {"oyj", "oy"}, {"pao", "ao"}, {"pbc", "inc"}, {"pc", "pc"}, {"pjsc", "jsc"}, {"plc", "plc"},
	{"pllc", "llc"}, {"private limited", "ltd"}, {"pte", "ltd"}, {"pte limited", "ltd"}, {"pte ltd", "ltd"}, {"pty", "ltd"}, {"pty limited", "ltd"}, {"pty ltd", "ltd"},
	{"public limited company", "plc"}, {"pvt limited", "ltd"}, {"pvt ltd", "ltd"}, {"s de rl", "srl"}, {"s de rl de cv", "srl"}, {"sa", "sa"}, {"sa de cv", "sa"},
	{"sab de cv", "sa"}, {"sadecv", "sa"}, {"sapi de cv", "sa"}, {"sarl", "sarl"}, {"sas", "sas"}, {"sasu", "sas"}, {"sca", "sca"}, {"sdn bhd", "bhd"}, {"se", "se"},
	{"sl", "sl"}, {"slu", "sl"}, {"snc", "snc"}, {"sociedad anonima", "sa"}, {"societe anonyme", "sa"}, {"sp z oo", "spzoo"}, {"sp zoo", "spzoo"}, {"spa", "spa"}, {"spzoo", "spzoo"},
	{"spolka z oo", "spzoo"}, {"srl", "srl"}, {"srls", "srl"}, {"sro", "sro"}, {"tbk", "tbk"}, {"ug", "gmbh"}, {"ulc", "llc"}, {"vof", "vof"}, {"yk", "yk"}, {"zao", "ao"}, {"zrt", "zrt"},
	{"ао", "ao"}, {"зао", "ao"}, {"ооо", "ooo"}, {"оао", "ao"}, {"пао", "ao"}, {"株式会社", "kk"}, {"有限会社", "yk"}, {"合同会社", "gk"}, {"有限公司", "ltd"}, {"有限责任公司", "ltd"},
	{"股份有限公司", "sa"}, {"公司", "ltd"}, {"株", "kk"},
	{"\u110c\u116e\u1109\u1175\u11a8\u1112\u116c\u1109\u1161", "kk"},	/* jusikhoesa, as decomposition leaves it */
};
#define LEGAL_FORM_WORDS	5

/* Those that mean nothing else, wherever they stand, and those that stand before a name. */
static const char *const anywhere[] = {"corp", "corporation", "gmbh", "inc", "incorporated", "llc", "llp", "ltd", "limited", "plc", "pty", "株式会社"};
static const char *const in_front[] = {"ooo", "oao", "pt", "zao", "ао", "зао", "ооо", "оао", "пао", "株式会社", "有限会社", "合同会社", "株"};
/* Written without a blank before or after the name. */
static const char *const glued[] = {"株式会社", "有限会社", "合同会社", "股份有限公司", "有限责任公司", "有限公司", "公司"};

static bool
is_among(const char *word, const char *const *list, int length)
{
	for (int i = 0; i < length; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

static const char *
legal_form_of(const char *phrase)
{
	for (int i = 0; i < (int) lengthof(legal_form); i++)
		if (strcmp(legal_form[i].word, phrase) == 0)
			return legal_form[i].means;
	return NULL;
}

static void
remove_words(MatchWordList *words, int from, int count)
{
	memmove(words->word[from], words->word[from + count], sizeof(words->word[0]) * (words->count - from - count));
	words->count -= count;
}

/* The family of the longest legal form that begins at a word, and how many words it has; NULL: none. */
static const char *
legal_form_at(const MatchWordList *words, int from, int to, int *count)
{
	char		phrase[LEGAL_FORM_WORDS * MATCH_WORD_BYTES];
	int			length = 0;

	for (int i = from; i < to; i++)
	{
		if (strlen(words->word[i]) > 40)
			return NULL;
		length += snprintf(phrase + length, sizeof(phrase) - length, "%s%s", i == from ? "" : " ", words->word[i]);
	}
	*count = to - from;
	return legal_form_of(phrase);
}

/* Takes a legal form off that is written with the name as one word. */
static const char *
unglue(char *word)
{
	Size		length = strlen(word);

	for (int i = 0; i < (int) lengthof(glued); i++)
	{
		Size		form = strlen(glued[i]);

		if (length <= form)
			continue;
		if (strcmp(word + length - form, glued[i]) == 0)
		{
			word[length - form] = '\0';
			return legal_form_of(glued[i]);
		}
		if (strncmp(word, glued[i], form) == 0)
		{
			memmove(word, word + form, length - form + 1);
			return legal_form_of(glued[i]);
		}
	}
	return NULL;
}

/* Takes the legal form out of a name and returns its family; NULL: none. A name that is nothing but a legal form keeps it. */
const char *
match_set_legal_forms_aside(MatchWordList *words)
{
	const char *family = NULL;
	int			count;

	for (bool found = true; found && words->count > 1;)
	{
		found = false;
		for (int n = Min(LEGAL_FORM_WORDS, words->count - 1); n > 0 && !found; n--)
		{
			const char *form = legal_form_at(words, words->count - n, words->count, &count);

			if (form)
			{
				family = form;
				words->count -= n;
				found = true;
			}
		}
	}
	while (words->count > 1 && is_among(words->word[0], in_front, lengthof(in_front)))
	{
		family = family ? family : legal_form_of(words->word[0]);
		remove_words(words, 0, 1);
	}
	for (int i = 1; i < words->count && words->count > 1; i++)
		if (is_among(words->word[i], anywhere, lengthof(anywhere)))
		{
			family = family ? family : legal_form_of(words->word[i]);
			remove_words(words, i--, 1);
		}
	for (int i = 0; i < words->count; i++)
		if ((unsigned char) words->word[i][0] >= 0x80)
		{
			const char *form = unglue(words->word[i]);

			family = family ? family : form;
		}
	return family;
}

/* Articles and words that join others: left out when they change nothing. */
static const char *const article[] = {
	"a", "an", "and", "das", "de", "del", "der", "des", "di", "die", "do", "e", "el", "en", "et", "for", "i", "la", "las", "le", "les", "los", "of", "och", "og",
	"the", "u", "und", "van", "von", "y",
};

void
match_drop_articles(MatchWordList *words)
{
	for (int i = words->count - 1; i >= 0 && words->count > 1; i--)
		if (is_among(words->word[i], article, lengthof(article)))
			remove_words(words, i, 1);
}

/* A word that a sister company has and the parent has not: Acme, Acme Bank. */
bool
match_is_line_of_business(const char *word)
{
	static const char *const list[] = {
		"airline", "assurance", "bank", "charity", "college", "foundation", "hospital", "hotel", "insurance", "leasing", "museum", "pension", "realty", "school", "university",
	};

	return is_among(word, list, lengthof(list));
}

static const Meaning abbreviation[] = {
	{"acad", "academy"}, {"acct", "accounting"}, {"adv", "advanced"}, {"advert", "advertising"}, {"aero", "aerospace"}, {"agri", "agriculture"}, {"amer", "american"},
	{"assn", "association"}, {"assoc", "associate"}, {"auto", "automotive"}, {"automotives", "automotive"}, {"avg", "average"}, {"bio", "biology"},
	{"biotech", "biotechnology"}, {"bldg", "building"}, {"bldrs", "builder"}, {"bnk", "bank"}, {"brs", "brother"}, {"bros", "brother"}, {"bus", "business"}, {"cap", "capital"},
	{"cent", "central"}, {"center", "centre"}, {"chem", "chemical"}, {"chems", "chemical"}, {"coll", "college"}, {"comm", "communication"}, {"comms", "communication"},
	{"comp", "computer"}, {"cons", "consulting"}, {"const", "construction"}, {"constr", "construction"}, {"consult", "consulting"}, {"contr", "contractor"}, {"coop", "cooperative"},
	{"ctr", "centre"}, {"dept", "department"}, {"des", "design"}, {"dev", "development"}, {"devs", "development"}, {"dist", "distribution"}, {"distr", "distribution"}, {"edu", "education"}, {"educ", "education"},
	{"elec", "electric"}, {"elect", "electric"}, {"electron", "electronic"}, {"eng", "engineering"}, {"engg", "engineering"}, {"engr", "engineering"}, {"ent", "enterprise"},
	{"entertain", "entertainment"}, {"enterpr", "enterprise"}, {"envir", "environmental"}, {"env", "environmental"}, {"equip", "equipment"}, {"est", "estate"}, {"fin", "financial"},
	{"fdn", "foundation"}, {"fed", "federal"}, {"found", "foundation"}, {"frt", "freight"}, {"gen", "general"}, {"glob", "global"}, {"gmbh", "gmbh"}, {"gov", "government"}, {"govt", "government"}, {"grp", "group"},
	{"gp", "group"}, {"gph", "graphic"}, {"hldg", "holding"}, {"hldgs", "holding"}, {"hlth", "health"}, {"hosp", "hospital"}, {"hsp", "hospital"}, {"ind", "industry"}, {"indl", "industrial"}, {"inds", "industry"},
	{"indust", "industry"}, {"info", "information"}, {"ins", "insurance"}, {"inst", "institute"}, {"instr", "instrument"}, {"int", "international"}, {"intern", "international"}, {"internat", "international"}, {"internatl", "international"},
	{"intl", "international"}, {"inv", "investment"}, {"invest", "investment"}, {"lab", "laboratory"}, {"labs", "laboratory"}, {"log", "logistic"}, {"logist", "logistic"},
	{"mach", "machine"}, {"maint", "maintenance"}, {"manuf", "manufacturing"}, {"manufact", "manufacturing"}, {"mat", "material"}, {"mech", "mechanical"}, {"med", "medical"}, {"mfg", "manufacturing"}, {"mfr", "manufacturing"}, {"mgmt", "management"},
	{"mgt", "management"}, {"mkt", "market"}, {"mktg", "marketing"}, {"mkting", "marketing"}, {"mnfg", "manufacturing"}, {"mngmt", "management"}, {"mtg", "mortgage"}, {"mtls", "material"}, {"nat", "national"}, {"natl", "national"},
	{"net", "network"}, {"ntwk", "network"}, {"ops", "operation"}, {"org", "organization"}, {"organisation", "organization"}, {"partnr", "partner"}, {"petro", "petroleum"}, {"pharm", "pharmaceutical"}, {"pharma", "pharmaceutical"}, {"photo", "photography"},
	{"prod", "production"}, {"prods", "product"}, {"prof", "professional"}, {"prop", "property"}, {"ptnr", "partner"}, {"ptnrs", "partner"}, {"ptr", "partner"}, {"ptrs", "partner"}, {"pub", "publishing"}, {"publ", "publishing"}, {"rd", "road"},
	{"reg", "regional"}, {"res", "resource"}, {"rest", "restaurant"}, {"rlty", "realty"}, {"sci", "science"}, {"sec", "security"}, {"serv", "service"}, {"servs", "service"}, {"soc", "society"}, {"soln", "solution"},
	{"solns", "solution"}, {"sols", "solution"}, {"sol", "solution"}, {"st", "saint"}, {"sup", "supply"}, {"svc", "service"}, {"svcs", "service"}, {"svs", "service"}, {"sys", "system"}, {"syst", "system"}, {"tech", "technology"}, {"techn", "technology"},
	{"technol", "technology"}, {"tele", "telecommunication"}, {"telecom", "telecommunication"}, {"telecomm", "telecommunication"}, {"trad", "trading"}, {"trans", "transport"}, {"transp", "transport"}, {"transportation", "transport"}, {"univ", "university"}, {"util", "utility"},
	{"utils", "utility"}, {"vent", "venture"}, {"whse", "warehouse"}, {"whsle", "wholesale"}, {"wks", "work"}, {"works", "work"},
};

/* Abbreviations spelt out, plurals as singulars: what is left may be no word of a language, but is the same for all of its spellings. */
void
match_spell_out(MatchWordList *words)
{
	for (int i = 0; i < words->count; i++)
	{
		char	   *word = words->word[i];
		Size		length = strlen(word);
		const char *whole = NULL;

		/* The list is not quite in order; it is short, and most words are longer than its longest. */
		for (int k = 0; k < (int) lengthof(abbreviation) && length <= 14 && !whole; k++)
			if (abbreviation[k].word[0] == word[0] && strcmp(abbreviation[k].word, word) == 0)
				whole = abbreviation[k].means;
		if (whole)
			strlcpy(word, whole, MATCH_WORD_BYTES);
		else if (length > 5 && strcmp(word + length - 3, "ies") == 0)
			strcpy(word + length - 3, "y");
		else if (length > 4 && word[length - 1] == 's' && strchr("su", word[length - 2]) == NULL && (unsigned char) word[length - 2] < 0x80)
			word[length - 1] = '\0';
	}
}

static const Meaning country[] = {
	{"america", "us"}, {"arg", "ar"}, {"argentina", "ar"}, {"aus", "au"}, {"australia", "au"}, {"austria", "at"}, {"aut", "at"}, {"bel", "be"}, {"belgie", "be"}, {"belgique", "be"}, {"belgium", "be"}, {"bra", "br"},
	{"brasil", "br"}, {"brazil", "br"}, {"can", "ca"}, {"canada", "ca"}, {"che", "ch"}, {"chile", "cl"}, {"china", "cn"}, {"chn", "cn"}, {"colombia", "co"}, {"czech republic", "cz"}, {"czechia", "cz"}, {"denmark", "dk"},
	{"deu", "de"}, {"deutschland", "de"}, {"dnk", "dk"}, {"england", "gb"}, {"esp", "es"}, {"espana", "es"}, {"fin", "fi"}, {"finland", "fi"}, {"fra", "fr"}, {"france", "fr"}, {"gbr", "gb"}, {"germany", "de"}, {"great britain", "gb"},
	{"holland", "nl"}, {"india", "in"}, {"ind", "in"}, {"ireland", "ie"}, {"irl", "ie"}, {"israel", "il"}, {"ita", "it"}, {"italia", "it"}, {"italy", "it"}, {"japan", "jp"}, {"jpn", "jp"}, {"kor", "kr"}, {"korea", "kr"},
	{"mex", "mx"}, {"mexico", "mx"}, {"nederland", "nl"}, {"netherlands", "nl"}, {"new zealand", "nz"}, {"nld", "nl"}, {"nor", "no"}, {"norge", "no"}, {"norway", "no"}, {"osterreich", "at"}, {"peoples republic of china", "cn"}, {"pol", "pl"},
	{"poland", "pl"}, {"polska", "pl"}, {"portugal", "pt"}, {"prc", "cn"}, {"prt", "pt"}, {"russia", "ru"}, {"russian federation", "ru"}, {"schweiz", "ch"}, {"scotland", "gb"}, {"sgp", "sg"}, {"singapore", "sg"}, {"south africa", "za"}, {"south korea", "kr"},
	{"spain", "es"}, {"suisse", "ch"}, {"sverige", "se"}, {"swe", "se"}, {"sweden", "se"}, {"switzerland", "ch"}, {"the netherlands", "nl"}, {"turkey", "tr"}, {"turkiye", "tr"}, {"uk", "gb"}, {"united kingdom", "gb"},
	{"united states", "us"}, {"united states of america", "us"}, {"usa", "us"}, {"wales", "gb"},
};

/* A country by one of its names as its ISO code; others stay what they are. */
const char *
match_country(const char *text)
{
	const char *code = meaning_of(text, country, lengthof(country));

	return code ? code : text;
}

static const char *const street_type[] = {
	"alley", "allee", "aly", "av", "ave", "avenida", "avenue", "blvd", "boulevard", "calle", "circle", "cir", "court", "cres", "crescent", "ct", "dr", "drive", "e", "east", "freeway", "fwy", "gasse", "highway", "hwy",
	"ln", "lane", "n", "nord", "north", "ne", "northeast", "northwest", "nw", "parkway", "pkwy", "pl", "place", "platz", "plaza", "plz", "rd", "road", "rte", "route", "rua", "rue", "s", "se", "sq", "south", "southeast", "southwest", "square",
	"st", "str", "strasse", "strada", "straat", "street", "sw", "ter", "terrace", "trail", "trl", "via", "w", "way", "weg", "west",
};

bool
match_is_street_type(const char *word)
{
	return is_among(word, street_type, lengthof(street_type));
}

/* What comes after names a place within the building. */
bool
match_is_within_building(const char *word)
{
	static const char *const list[] = {"apartment", "apt", "building", "bldg", "dept", "etage", "fl", "floor", "flr", "level", "og", "rm", "room", "ste", "suite", "unit"};

	return is_among(word, list, lengthof(list));
}

/* Ends of domains under which anybody registers, with a dot before each label; those of one label need no list. */
static const char *const shared_suffix[] = {
	".blogspot.com", ".github.io", ".godaddysites.com", ".hubspotpagebuilder.com", ".myshopify.com", ".netlify.app", ".squarespace.com", ".tumblr.com", ".vercel.app", ".web.app", ".webflow.io",
	".weebly.com", ".wixsite.com", ".wordpress.com",
};
static const char *const second_level[] = {"ac", "asso", "co", "com", "edu", "gob", "gouv", "gov", "gv", "ltd", "mil", "ne", "net", "nom", "or", "org", "plc"};

/* Where the public suffix of a host begins (at its dot); -1: the host has nothing before it. */
int
match_public_suffix(const char *host)
{
	int			length = (int) strlen(host);
	const char *last = strrchr(host, '.');
	const char *before;

	for (int i = 0; i < (int) lengthof(shared_suffix); i++)
	{
		int			suffix = (int) strlen(shared_suffix[i]);

		if (length > suffix && strcmp(host + length - suffix, shared_suffix[i]) == 0)
			return length - suffix;
	}
	/* Neither has an address of digits a name. */
	if (last == NULL || last == host || (last[1] >= '0' && last[1] <= '9'))
		return -1;
	for (before = last - 1; before > host && *before != '.'; before--)
		;
	if (*before == '.' && before > host && strlen(last) == 3)
	{
		char		label[8];

		if (last - before - 1 < (int) sizeof(label))
		{
			strlcpy(label, before + 1, last - before);
			if (is_among(label, second_level, lengthof(second_level)))
				return (int) (before - host);
		}
	}
	return (int) (last - host);
}

/* Mail providers and places where everybody has a page: the same there says nothing. Of the site, name is the length of what is before its suffix. */
bool
match_is_shared_host(const char *site, int name)
{
	/* In every country. */
	static const char *const provider[] = {
		"aol", "gmail", "gmx", "googlemail", "hotmail", "icloud", "live", "msn", "outlook", "protonmail", "rocketmail", "yahoo", "yandex", "ymail",
	};
	static const char *const list[] = {
		"126.com", "139.com", "163.com", "alice.it", "att.net", "bellsouth.net", "bigpond.com", "bit.ly", "bk.ru", "bluewin.ch", "btinternet.com", "comcast.net",
		"cox.net", "daum.net", "example.com", "example.net", "example.org", "facebook.com", "fastmail.com", "fastmail.fm", "fb.com", "foxmail.com", "free.fr",
		"freenet.de", "google.com", "hanmail.net", "hey.com", "inbox.com", "inbox.ru", "instagram.com", "interia.pl", "laposte.net", "libero.it", "linkedin.com",
		"list.ru", "mac.com", "mail.com", "mail.de", "mail.ru", "me.com", "naver.com", "o2.pl", "orange.fr", "pm.me", "proton.me", "qq.com", "rediffmail.com",
		"sbcglobal.net", "seznam.cz", "sina.cn", "sina.com", "t-online.de", "telenet.be", "terra.com.br", "tiscali.it", "tutanota.com",
		"twitter.com", "uol.com.br", "verizon.net", "virgilio.it", "wanadoo.fr", "wanadoo.nl", "web.de", "wp.pl", "x.com", "yeah.net", "youtube.com", "ziggo.nl",
		"zoho.com", "zoho.eu",
	};

	for (int i = 0; i < (int) lengthof(provider); i++)
		if ((int) strlen(provider[i]) == name && strncmp(site, provider[i], name) == 0)
			return true;
	return is_among(site, list, lengthof(list));
}

/* Bytes at one end of the name of a site that its variants add: acme-group, getacme. 0: none. */
Size
match_site_affix(const char *core, bool at_end)
{
	static const char *const end[] = {
		"global", "group", "online", "company", "corp", "gmbh", "inc", "llc", "ltd", "plc", "intl", "usa", "web", "site", "app", "hq", "co", "uk", "us", "ag", "de",
	};
	static const char *const start[] = {"the", "get", "try", "use", "my", "go", "hello", "team"};
	Size		length = strlen(core);

	for (int i = 0; i < (int) (at_end ? lengthof(end) : lengthof(start)); i++)
	{
		Size		affix = strlen(at_end ? end[i] : start[i]);

		if (length >= affix + 4 && (at_end ? strcmp(core + length - affix, end[i]) : strncmp(core, start[i], affix)) == 0)
			return affix;
	}
	return 0;
}
