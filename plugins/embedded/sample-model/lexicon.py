"""The words of the generated components. Every seventh word of each list is held out: training never sees it."""
NOUNS = """user product task order book note message event ticket invoice project member player course lesson song
album photo video comment post article tag filter option color size country address contact customer vendor employee
team group channel device sensor alert log report chart row column cell card page tab step stage phase score match
game level badge coupon payment account wallet asset file folder document image icon theme plugin widget report
session token profile role permission rule setting feature recipe meal drink movie show episode actor planet star
animal plant tree flower car bike train flight hotel room seat booking guest driver route point marker region
question answer quiz exam student teacher grade skill job task reminder habit goal workout exercise patient doctor
item entry record result choice voucher brand shop cart""".split()
ADJ = """selected active current visible hovered focused pending recent filtered sorted open hidden editing expanded
checked latest first last new old main total max min default local remote cached draft saved""".split()
VERBS = """add remove update select delete edit save load open close submit reset clear pick move archive publish
assign confirm cancel create copy rename refresh mark pin share rate send apply""".split()
STR_F = """name title label email status color category description text slug city phone summary author code kind
url brand state note""".split()
NUM_F = """price count total quantity age rating stock weight height width score amount progress views size year
duration position points level""".split()
BOOL_F = """done active visible enabled checked locked featured read completed available favorite archived published
online urgent""".split()
TITLES = """Name Total Save Cancel Add Remove Reset Loading Submit Close Open Search Items Empty Next Back Done Edit
Clear Send More Less Details Status Price Count Results Welcome Hello Confirm Delete Show Hide All None""".split()
VALUES = """red green blue small medium large low high draft open closed admin guest north south home work alpha beta
daily weekly monthly light dark urgent normal""".split()
TAGS_BLOCK = ["div", "section", "article", "main"]
TAGS_IN = ["p", "span", "h1", "h2", "h3", "strong", "small", "em"]


def _held(words, k):  # every k-th word is never seen in training
    return [w for i, w in enumerate(sorted(set(words))) if i % k == 3]


HELD = {id(l): set(_held(l, 7)) for l in (NOUNS, ADJ, VERBS, STR_F, NUM_F, BOOL_F)}
SYL = [c + v for c in "b c d f g h j k l m n p r s t v w z br cl dr fl gr pl pr sh sl st th tr".split() for v in "a e i o u".split()]
END = ["", "", "", "n", "r", "l", "t", "ck", "m", "nd", "x", "sh"]


def cap(w):
    return w[:1].upper() + w[1:]
