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
PIECES = """ab abel able abled ac ach ack act active actly ad add ag age ail ailable al all allet ally alse am ame ames ameter
amount an ancel and any ap api apsed ar arch archi archive archived are arget argum argument art article as ase ash
ask ass asse asser asy asyn async at atch ate ategor ategory ati atient ating atus author av ava ave awa await ay be
beha behavi below ber bin bined ble block bo book boolean box brand bus busy but button car catch category ce cehol
ceholder cel ces ch chan change channel check checkbox cher cho choice cise ck cl cla class cle clear cli click clo co
code color com combined comment comments comp compile compiler complete compu computed con conds const count counter
cre create cri crip cript cription ct cted ction ctor cur curre current dat data date de ded defaul default defaults
define delete der des div do does done draft dri drink ds du duct eat eatu eck ect ed eight el elapsed em email ember
emit emits emitted emp en enabled end endor ensor ent enter entry ep er ercise err error ery es ess essage et event
every ew ex exactly exp expanded expect export ext ey fa factor fail failure false faul fav favorite featu featured
fet fetch fi fiel field fields fil file filter filtered fin finally find fine fir firm fo foc focus fol follow for
fore form format from full fun function ge gent get gle go gor gr gress gri gth guest gum ha hand handle has he height
ho hol hoto how ht ice ick icon id ide idget idth if ig ight igno ignore il ilar ile im imal import in inc inclu
included includes incre increase ind ing ingle initi initial input inter interfa ints ion is ise iso isode it ite iti
its iv ived ject job json ker key keyup kil kill kind la label lan lang late ld le len length ler lert les lesson let
lete leted level li lig light lish list lo load loading lock locked lor low lower loye loyee lu lug lugin lum lumn ly
ma main mall mar marker mary match matching max me ment mer message metho methods milar min mit mo mode model mp
mplate mport ms must nam named names ne need nel new no nocheck non not note now nput nt null number ob of ok ole
olean on one onent ong open option or ord orite ork orm ort orts oth other ou oucher oun ount ounted ounter oup oupon
our out oute pan panded panel par patient pay payload ped pen ph phone pick pla plan po points port position pre
prevent price pro progress project props ps ption push put qu qui quired ra raf raft rand rating ray re reactive read
rec red ref refactor refresh rement remo remove report required res resh ress resul return ri rice rict rin ring rink
rite ro rom rong ror ru ry same save sco scoped score script se search seconds section sed sele select selected send
sensor set setting setup sh sho show si sible similar single sition size skill slug small so son sor sorted span st
star state status stay ste sto stock strict string strong student sty style styles submit sum summary swer tal target
task te ted template ter tered term tex text th that the they this tho ti tick ticks ticle timer ting tion tions tit
title tive to tog toggle ton total tr tre true try ts tur turn ty typ type typed types ub ublish ublished ubmit ud
udent ue uest uestion ul ull um umber un under up update ur ure urgent url us use ush ust usto ustomer ut uth uthor
val value ve vel vent ver very vi vice view views visible vo voice void vue wa watch wer who whose wi width with
without work write ye year yer you yp ze""".split()      # pieces of words, for names that are no words
END = ["", "", "", "n", "r", "l", "t", "ck", "m", "nd", "x", "sh"]


def cap(w):
    return w[:1].upper() + w[1:]
