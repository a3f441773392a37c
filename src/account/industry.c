/*
 * industry.c: what CRMs call an industry, read as one of a short list.
 *
 * Salesforce has a list of thirty, HubSpot one of a hundred and fifty (COMPUTER_SOFTWARE), people type what they like. Labels are compared by
 * their ASCII letters and digits alone, in any case; what is left must be one of the spellings below, or the industry is unknown. A company's own names go
 * through value_map, which comes first.
 */
#include "account/industry.h"

#include "utils/builtins.h"

/* No spelling is longer. */
#define LONGEST	48

static const char *const labels[INDUSTRIES] = {
	NULL, "Technology", "Finance", "Healthcare", "Manufacturing", "Agriculture", "Construction", "Education", "Energy", "Government", "Hospitality",
	"Media", "Nonprofit", "Real Estate", "Retail", "Services", "Telecommunications", "Transportation", "Other"
};

typedef struct Spelling
{
	const char *letters;
	Industry	industry;
} Spelling;

/* In byte order, for the search. The picklists of Salesforce and HubSpot, and what is often typed. */
static const Spelling spellings[] = {
	{"accounting", INDUSTRY_FINANCE},
	{"advertising", INDUSTRY_SERVICES},
	{"aerospace", INDUSTRY_MANUFACTURING},
	{"agriculture", INDUSTRY_AGRICULTURE},
	{"airlinesandaviation", INDUSTRY_TRANSPORTATION},
	{"airlinesaviation", INDUSTRY_TRANSPORTATION},
	{"alternativedisputeresolution", INDUSTRY_SERVICES},
	{"alternativemedicine", INDUSTRY_HEALTHCARE},
	{"animation", INDUSTRY_MEDIA},
	{"apparel", INDUSTRY_MANUFACTURING},
	{"apparelandfashion", INDUSTRY_MANUFACTURING},
	{"apparelfashion", INDUSTRY_MANUFACTURING},
	{"architectureandplanning", INDUSTRY_CONSTRUCTION},
	{"architectureplanning", INDUSTRY_CONSTRUCTION},
	{"artificialintelligence", INDUSTRY_TECHNOLOGY},
	{"artsandcrafts", INDUSTRY_MEDIA},
	{"artscrafts", INDUSTRY_MEDIA},
	{"assetmanagement", INDUSTRY_FINANCE},
	{"automotive", INDUSTRY_MANUFACTURING},
	{"aviationaerospace", INDUSTRY_MANUFACTURING},
	{"aviationandaerospace", INDUSTRY_MANUFACTURING},
	{"bank", INDUSTRY_FINANCE},
	{"banking", INDUSTRY_FINANCE},
	{"bankingandfinance", INDUSTRY_FINANCE},
	{"banks", INDUSTRY_FINANCE},
	{"biotech", INDUSTRY_HEALTHCARE},
	{"biotechnology", INDUSTRY_HEALTHCARE},
	{"broadcastmedia", INDUSTRY_MEDIA},
	{"buildingmaterials", INDUSTRY_MANUFACTURING},
	{"businessservices", INDUSTRY_SERVICES},
	{"businesssuppliesandequipment", INDUSTRY_MANUFACTURING},
	{"businesssuppliesequipment", INDUSTRY_MANUFACTURING},
	{"capitalmarkets", INDUSTRY_FINANCE},
	{"chemicals", INDUSTRY_MANUFACTURING},
	{"civicandsocialorganization", INDUSTRY_NONPROFIT},
	{"civicsocialorganization", INDUSTRY_NONPROFIT},
	{"civilengineering", INDUSTRY_CONSTRUCTION},
	{"cloud", INDUSTRY_TECHNOLOGY},
	{"commercialrealestate", INDUSTRY_REAL_ESTATE},
	{"communications", INDUSTRY_TELECOMMUNICATIONS},
	{"computergames", INDUSTRY_TECHNOLOGY},
	{"computerhardware", INDUSTRY_TECHNOLOGY},
	{"computernetworking", INDUSTRY_TECHNOLOGY},
	{"computernetworksecurity", INDUSTRY_TECHNOLOGY},
	{"computers", INDUSTRY_TECHNOLOGY},
	{"computersoftware", INDUSTRY_TECHNOLOGY},
	{"construction", INDUSTRY_CONSTRUCTION},
	{"consulting", INDUSTRY_SERVICES},
	{"consumerelectronics", INDUSTRY_MANUFACTURING},
	{"consumergoods", INDUSTRY_MANUFACTURING},
	{"consumerproducts", INDUSTRY_MANUFACTURING},
	{"consumerservices", INDUSTRY_RETAIL},
	{"cosmetics", INDUSTRY_MANUFACTURING},
	{"cybersecurity", INDUSTRY_TECHNOLOGY},
	{"dairy", INDUSTRY_MANUFACTURING},
	{"defenseandspace", INDUSTRY_MANUFACTURING},
	{"defensespace", INDUSTRY_MANUFACTURING},
	{"design", INDUSTRY_SERVICES},
	{"ecommerce", INDUSTRY_RETAIL},
	{"education", INDUSTRY_EDUCATION},
	{"educationmanagement", INDUSTRY_EDUCATION},
	{"elearning", INDUSTRY_EDUCATION},
	{"electricalandelectronicmanufacturing", INDUSTRY_MANUFACTURING},
	{"electricalelectronicmanufacturing", INDUSTRY_MANUFACTURING},
	{"electronics", INDUSTRY_MANUFACTURING},
	{"employment", INDUSTRY_SERVICES},
	{"energy", INDUSTRY_ENERGY},
	{"engineering", INDUSTRY_SERVICES},
	{"entertainment", INDUSTRY_MEDIA},
	{"environmental", INDUSTRY_ENERGY},
	{"environmentalservices", INDUSTRY_ENERGY},
	{"eventservices", INDUSTRY_HOSPITALITY},
	{"eventsservices", INDUSTRY_HOSPITALITY},
	{"executiveoffice", INDUSTRY_GOVERNMENT},
	{"facilitiesservices", INDUSTRY_SERVICES},
	{"farming", INDUSTRY_AGRICULTURE},
	{"finance", INDUSTRY_FINANCE},
	{"financial", INDUSTRY_FINANCE},
	{"financials", INDUSTRY_FINANCE},
	{"financialservices", INDUSTRY_FINANCE},
	{"fineart", INDUSTRY_MEDIA},
	{"fishery", INDUSTRY_AGRICULTURE},
	{"fitness", INDUSTRY_HOSPITALITY},
	{"foodandbeverage", INDUSTRY_MANUFACTURING},
	{"foodandbeverages", INDUSTRY_MANUFACTURING},
	{"foodbeverages", INDUSTRY_MANUFACTURING},
	{"foodproduction", INDUSTRY_MANUFACTURING},
	{"forestry", INDUSTRY_AGRICULTURE},
	{"fundmanagement", INDUSTRY_FINANCE},
	{"fundraising", INDUSTRY_NONPROFIT},
	{"furniture", INDUSTRY_MANUFACTURING},
	{"gamblingandcasinos", INDUSTRY_HOSPITALITY},
	{"gamblingcasinos", INDUSTRY_HOSPITALITY},
	{"glassceramicsandconcrete", INDUSTRY_MANUFACTURING},
	{"glassceramicsconcrete", INDUSTRY_MANUFACTURING},
	{"government", INDUSTRY_GOVERNMENT},
	{"governmentadministration", INDUSTRY_GOVERNMENT},
	{"governmentrelations", INDUSTRY_GOVERNMENT},
	{"graphicdesign", INDUSTRY_MEDIA},
	{"hardware", INDUSTRY_TECHNOLOGY},
	{"health", INDUSTRY_HEALTHCARE},
	{"healthcare", INDUSTRY_HEALTHCARE},
	{"healthcareservices", INDUSTRY_HEALTHCARE},
	{"healthwellness", INDUSTRY_HEALTHCARE},
	{"healthwellnessandfitness", INDUSTRY_HEALTHCARE},
	{"highereducation", INDUSTRY_EDUCATION},
	{"hightech", INDUSTRY_TECHNOLOGY},
	{"hospitalandhealthcare", INDUSTRY_HEALTHCARE},
	{"hospitalhealthcare", INDUSTRY_HEALTHCARE},
	{"hospitality", INDUSTRY_HOSPITALITY},
	{"hospitals", INDUSTRY_HEALTHCARE},
	{"hotels", INDUSTRY_HOSPITALITY},
	{"humanresources", INDUSTRY_SERVICES},
	{"importandexport", INDUSTRY_RETAIL},
	{"importexport", INDUSTRY_RETAIL},
	{"individualandfamilyservices", INDUSTRY_NONPROFIT},
	{"individualfamilyservices", INDUSTRY_NONPROFIT},
	{"industrial", INDUSTRY_MANUFACTURING},
	{"industrialautomation", INDUSTRY_MANUFACTURING},
	{"industrials", INDUSTRY_MANUFACTURING},
	{"informationservices", INDUSTRY_TECHNOLOGY},
	{"informationtechnology", INDUSTRY_TECHNOLOGY},
	{"informationtechnologyandservices", INDUSTRY_TECHNOLOGY},
	{"insurance", INDUSTRY_FINANCE},
	{"internationalaffairs", INDUSTRY_GOVERNMENT},
	{"internationaltradeanddevelopment", INDUSTRY_RETAIL},
	{"internet", INDUSTRY_TECHNOLOGY},
	{"investmentbanking", INDUSTRY_FINANCE},
	{"investmentmanagement", INDUSTRY_FINANCE},
	{"it", INDUSTRY_TECHNOLOGY},
	{"judiciary", INDUSTRY_GOVERNMENT},
	{"lawenforcement", INDUSTRY_GOVERNMENT},
	{"lawpractice", INDUSTRY_SERVICES},
	{"legal", INDUSTRY_SERVICES},
	{"legalservices", INDUSTRY_SERVICES},
	{"legislativeoffice", INDUSTRY_GOVERNMENT},
	{"leisuretravelandtourism", INDUSTRY_HOSPITALITY},
	{"leisuretraveltourism", INDUSTRY_HOSPITALITY},
	{"libraries", INDUSTRY_EDUCATION},
	{"lifesciences", INDUSTRY_HEALTHCARE},
	{"logistics", INDUSTRY_TRANSPORTATION},
	{"logisticsandsupplychain", INDUSTRY_TRANSPORTATION},
	{"logisticssupplychain", INDUSTRY_TRANSPORTATION},
	{"luxurygoodsandjewelry", INDUSTRY_MANUFACTURING},
	{"luxurygoodsjewelry", INDUSTRY_MANUFACTURING},
	{"machinery", INDUSTRY_MANUFACTURING},
	{"managementconsulting", INDUSTRY_SERVICES},
	{"manufacturing", INDUSTRY_MANUFACTURING},
	{"maritime", INDUSTRY_TRANSPORTATION},
	{"marketing", INDUSTRY_SERVICES},
	{"marketingadvertising", INDUSTRY_SERVICES},
	{"marketingandadvertising", INDUSTRY_SERVICES},
	{"marketresearch", INDUSTRY_SERVICES},
	{"mechanicalandindustrialengineering", INDUSTRY_MANUFACTURING},
	{"mechanicalorindustrialengineering", INDUSTRY_MANUFACTURING},
	{"media", INDUSTRY_MEDIA},
	{"mediaandentertainment", INDUSTRY_MEDIA},
	{"mediaproduction", INDUSTRY_MEDIA},
	{"medical", INDUSTRY_HEALTHCARE},
	{"medicaldevices", INDUSTRY_HEALTHCARE},
	{"medicalpractice", INDUSTRY_HEALTHCARE},
	{"mentalhealthcare", INDUSTRY_HEALTHCARE},
	{"military", INDUSTRY_GOVERNMENT},
	{"mining", INDUSTRY_ENERGY},
	{"miningandmetals", INDUSTRY_ENERGY},
	{"miningmetals", INDUSTRY_ENERGY},
	{"motionpicturesandfilm", INDUSTRY_MEDIA},
	{"motionpicturesfilm", INDUSTRY_MEDIA},
	{"museumsandinstitutions", INDUSTRY_EDUCATION},
	{"museumsinstitutions", INDUSTRY_EDUCATION},
	{"music", INDUSTRY_MEDIA},
	{"nanotechnology", INDUSTRY_TECHNOLOGY},
	{"newspapers", INDUSTRY_MEDIA},
	{"nonprofit", INDUSTRY_NONPROFIT},
	{"nonprofitorganizationmanagement", INDUSTRY_NONPROFIT},
	{"notforprofit", INDUSTRY_NONPROFIT},
	{"oilandenergy", INDUSTRY_ENERGY},
	{"oilandgas", INDUSTRY_ENERGY},
	{"oilenergy", INDUSTRY_ENERGY},
	{"oilgas", INDUSTRY_ENERGY},
	{"onlinemedia", INDUSTRY_MEDIA},
	{"other", INDUSTRY_OTHER},
	{"outsourcingandoffshoring", INDUSTRY_SERVICES},
	{"outsourcingoffshoring", INDUSTRY_SERVICES},
	{"packagefreightdelivery", INDUSTRY_TRANSPORTATION},
	{"packagingandcontainers", INDUSTRY_MANUFACTURING},
	{"packagingcontainers", INDUSTRY_MANUFACTURING},
	{"paperandforestproducts", INDUSTRY_MANUFACTURING},
	{"paperforestproducts", INDUSTRY_MANUFACTURING},
	{"performingarts", INDUSTRY_MEDIA},
	{"pharma", INDUSTRY_HEALTHCARE},
	{"pharmaceutical", INDUSTRY_HEALTHCARE},
	{"pharmaceuticals", INDUSTRY_HEALTHCARE},
	{"philanthropy", INDUSTRY_NONPROFIT},
	{"photography", INDUSTRY_MEDIA},
	{"plastics", INDUSTRY_MANUFACTURING},
	{"politicalorganization", INDUSTRY_GOVERNMENT},
	{"primaryandsecondaryeducation", INDUSTRY_EDUCATION},
	{"primarysecondaryeducation", INDUSTRY_EDUCATION},
	{"printing", INDUSTRY_MANUFACTURING},
	{"privateequity", INDUSTRY_FINANCE},
	{"professionalservices", INDUSTRY_SERVICES},
	{"professionaltrainingandcoaching", INDUSTRY_EDUCATION},
	{"professionaltrainingcoaching", INDUSTRY_EDUCATION},
	{"programdevelopment", INDUSTRY_NONPROFIT},
	{"property", INDUSTRY_REAL_ESTATE},
	{"publicpolicy", INDUSTRY_GOVERNMENT},
	{"publicrelationsandcommunications", INDUSTRY_SERVICES},
	{"publicrelationscommunications", INDUSTRY_SERVICES},
	{"publicsafety", INDUSTRY_GOVERNMENT},
	{"publicsector", INDUSTRY_GOVERNMENT},
	{"publishing", INDUSTRY_MEDIA},
	{"railroadmanufacture", INDUSTRY_MANUFACTURING},
	{"ranching", INDUSTRY_AGRICULTURE},
	{"realestate", INDUSTRY_REAL_ESTATE},
	{"recreation", INDUSTRY_HOSPITALITY},
	{"recreationalfacilitiesandservices", INDUSTRY_HOSPITALITY},
	{"recreationalfacilitiesservices", INDUSTRY_HOSPITALITY},
	{"recruiting", INDUSTRY_SERVICES},
	{"religiousinstitutions", INDUSTRY_NONPROFIT},
	{"renewablesandenvironment", INDUSTRY_ENERGY},
	{"renewablesenvironment", INDUSTRY_ENERGY},
	{"research", INDUSTRY_EDUCATION},
	{"restaurants", INDUSTRY_HOSPITALITY},
	{"retail", INDUSTRY_RETAIL},
	{"retailandwholesale", INDUSTRY_RETAIL},
	{"saas", INDUSTRY_TECHNOLOGY},
	{"securityandinvestigations", INDUSTRY_SERVICES},
	{"securityinvestigations", INDUSTRY_SERVICES},
	{"semiconductors", INDUSTRY_TECHNOLOGY},
	{"services", INDUSTRY_SERVICES},
	{"shipbuilding", INDUSTRY_MANUFACTURING},
	{"shipping", INDUSTRY_TRANSPORTATION},
	{"software", INDUSTRY_TECHNOLOGY},
	{"softwaredevelopment", INDUSTRY_TECHNOLOGY},
	{"sportinggoods", INDUSTRY_MANUFACTURING},
	{"sports", INDUSTRY_HOSPITALITY},
	{"staffing", INDUSTRY_SERVICES},
	{"staffingandrecruiting", INDUSTRY_SERVICES},
	{"staffingrecruiting", INDUSTRY_SERVICES},
	{"supermarkets", INDUSTRY_RETAIL},
	{"tech", INDUSTRY_TECHNOLOGY},
	{"technolgy", INDUSTRY_TECHNOLOGY},
	{"technology", INDUSTRY_TECHNOLOGY},
	{"technologyhardware", INDUSTRY_TECHNOLOGY},
	{"telecom", INDUSTRY_TELECOMMUNICATIONS},
	{"telecommunication", INDUSTRY_TELECOMMUNICATIONS},
	{"telecommunications", INDUSTRY_TELECOMMUNICATIONS},
	{"telecommunictions", INDUSTRY_TELECOMMUNICATIONS},
	{"telecoms", INDUSTRY_TELECOMMUNICATIONS},
	{"textiles", INDUSTRY_MANUFACTURING},
	{"thinktanks", INDUSTRY_NONPROFIT},
	{"tobacco", INDUSTRY_MANUFACTURING},
	{"translationandlocalization", INDUSTRY_SERVICES},
	{"translationlocalization", INDUSTRY_SERVICES},
	{"transport", INDUSTRY_TRANSPORTATION},
	{"transportation", INDUSTRY_TRANSPORTATION},
	{"transportationandlogistics", INDUSTRY_TRANSPORTATION},
	{"transportationtruckingrailroad", INDUSTRY_TRANSPORTATION},
	{"travel", INDUSTRY_HOSPITALITY},
	{"travelandtourism", INDUSTRY_HOSPITALITY},
	{"utilities", INDUSTRY_ENERGY},
	{"venturecapitalandprivateequity", INDUSTRY_FINANCE},
	{"venturecapitalprivateequity", INDUSTRY_FINANCE},
	{"veterinary", INDUSTRY_HEALTHCARE},
	{"warehousing", INDUSTRY_TRANSPORTATION},
	{"wholesale", INDUSTRY_RETAIL},
	{"wineandspirits", INDUSTRY_MANUFACTURING},
	{"winespirits", INDUSTRY_MANUFACTURING},
	{"wireless", INDUSTRY_TELECOMMUNICATIONS},
	{"writingandediting", INDUSTRY_MEDIA},
	{"writingediting", INDUSTRY_MEDIA},
};

static int
compare_spelling(const void *letters, const void *spelling)
{
	return strcmp(letters, ((const Spelling *) spelling)->letters);
}

/* Returns the industry that a label of so many bytes names, INDUSTRY_UNKNOWN where none does. */
Industry
industry_recognize(const char *label, Size length)
{
	char		letters[LONGEST + 1];
	Size		n = 0;
	const Spelling *found;

	for (Size i = 0; i < length; i++)
	{
		unsigned char c = pg_ascii_tolower((unsigned char) label[i]);

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
		{
			if (n == LONGEST)
				return INDUSTRY_UNKNOWN;
			letters[n++] = c;
		}
		else if (IS_HIGHBIT_SET(c))
			return INDUSTRY_UNKNOWN;
	}
	letters[n] = '\0';
	found = bsearch(letters, spellings, lengthof(spellings), sizeof(Spelling), compare_spelling);
	return found ? found->industry : INDUSTRY_UNKNOWN;
}

/* Returns the name of an industry, NULL for the unknown one. */
const char *
industry_label(Industry industry)
{
	return labels[industry];
}

/* recognize_industry(label): the name of the industry, NULL where no spelling is known. Never an error. */
PG_FUNCTION_INFO_V1(salesops_recognize_industry);
Datum
salesops_recognize_industry(PG_FUNCTION_ARGS)
{
	text	   *label = PG_GETARG_TEXT_PP(0);
	Industry	industry = industry_recognize(VARDATA_ANY(label), VARSIZE_ANY_EXHDR(label));

	if (industry == INDUSTRY_UNKNOWN)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(industry_label(industry)));
}
