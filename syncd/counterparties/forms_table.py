"""Legal forms and how they are written. Data only: one code a line, then its spellings. Never a numeral, never a name.

A code is the form's usual abbreviation without dots. One code a written form: S.A. is ``sa`` in Poland and in Spain, and
what is spelled out joins its abbreviation. Spaces, dots, case and diacritics of a spelling do not count; typing errors
in long spellings are found by :mod:`syncd.counterparties.forms`, not here.
"""

# ruff: noqa: RUF001, E501 - a table of spellings in several scripts

from __future__ import annotations

from typing import Final

SPELLINGS: Final = """
spzoo = sp zoo | sp z oo | spolka zoo | spółka z o.o. | sp. z ograniczoną odpowiedzialnością | sp z ogr odp | spółka z ogr. odp. | spółka z ograniczoną odpowiedzialnością | spzo.o | s z o.o.
spzoosk = sp. z o.o. sp.k. | sp. z o.o. sp. komandytowa | sp. z o.o. sk | sp. z o.o. spółka komandytowa | spółka z o.o. sp.k. | spółka z o.o. spółka komandytowa | spółka z ograniczoną odpowiedzialnością sp.k. | spółka z ograniczoną odpowiedzialnością spółka komandytowa
spzooska = sp. z o.o. s.k.a. | sp. z o.o. spółka komandytowo-akcyjna | spółka z ograniczoną odpowiedzialnością spółka komandytowo-akcyjna | spółka z ograniczoną odpowiedzialnością s.k.a.
spk = sp.k. | sp komandytowa | spółka komandytowa
spj = sp.j. | sp jawna | spółka jawna
spp = sp.p. | sp partnerska | spółka partnerska
ska = s.k.a. | spółka komandytowo-akcyjna
psa = p.s.a. | prosta spółka akcyjna
spc = sp. cywilna | spółka cywilna | sp.c.
sc = s.c. | s/c | société civile | societate civilă
spdz = spółdzielnia | sp-nia
fundacja = fundacja
stow = stowarzyszenie
sa = s.a. | s/a | spółka akcyjna | sp. akcyjna | sociedad anónima | société anonyme | sociedade anónima | sociedade anônima | societate pe acțiuni | societe par actions | s.a.u. | sociedad anónima unipersonal
ab = ab | aktiebolag | aktiebolaget | publikt aktiebolag | akcinė bendrovė
abp = abp | publikt ab
hb = hb | handelsbolag | handelsbolaget
kb = kb | kommanditbolag | kommanditbolaget
ekfor = ek.för. | ekonomisk förening
stiftelse = stiftelsen | stiftelse
as = as | a/s | a.s. | aksjeselskap | aksjeselskapet | aktieselskab | aktieselskabet | akciová společnost | akciová spoločnosť | akc. spol. | aktsiaselts | akciju sabiedrība | anonim şirketi | a.ş. | anonim sirket
asa = asa | allmennaksjeselskap
ans = ans | ansvarlig selskap
da = da | delt ansvar | ansvarlig selskap med delt ansvar
enk = enk | enkeltpersonforetak
nuf = nuf | norskregistrert utenlandsk foretak
ba = b.a.
sa-no = samvirkeforetak
aps = aps | anpartsselskab | anpartsselskabet | a.p.s.
ivs = ivs | iværksætterselskab | iværksætterselskabet
is = i/s | interessentskab | interessentskabet
ks = k/s | kommanditselskab | kommanditselskabet | kommandittselskap | komanditní společnost | kom. spol. | k.s. | komanditná spoločnosť
ps = p/s | partnerselskab
amba = a.m.b.a. | amba | andelsselskab med begrænset ansvar
fmba = f.m.b.a. | fmba | forening med begrænset ansvar
smba = s.m.b.a. | smba
oy = oy | osakeyhtiö | oy ab | ab oy | osakeyhtiö aktiebolag
oyj = oyj | julkinen osakeyhtiö | oyj abp | oyj plc
ky = ky | kommandiittiyhtiö
ay = ay | avoin yhtiö
tmi = tmi | toiminimi
osk = osk | osuuskunta
ehf = ehf | einkahlutafélag
hf = hf | hlutafélag
gmbh = gmbh | g.m.b.h. | g mbh | mbh | m.b.h. | gesmbh | ges.m.b.h. | ges mbh | gesellschaft mbh | gesellschaft m.b.h. | gesellschaft mit beschränkter haftung | ges. mit beschränkter haftung | mit beschränkter haftung
ggmbh = ggmbh | gemeinnützige gmbh | gemeinnützige gesellschaft mit beschränkter haftung
gmbhcokg = gmbh & co kg | gmbh u. co. kg | gmbh co kg | gmbh & co | gmbh & cokg | gmbh & cie kg | gmbh & comp kg | mbh & co kg | mbh & co | mbh co kg | gesellschaft mbh & co kg | ges.m.b.h. & co kg | gmbh + co. kg | gmbh & co kommanditgesellschaft | gesellschaft mit beschränkter haftung & co. kommanditgesellschaft | gesellschaft mit beschränkter haftung & co. kg | mit beschränkter haftung & co. kg
gmbhcokgaa = gmbh & co kgaa | gmbh & co. kommanditgesellschaft auf aktien
gmbhcoohg = gmbh & co ohg
agcokg = ag & co kg | aktiengesellschaft & co. kg
agcokgaa = ag & co kgaa
ugcokg = ug & co kg | ug (haftungsbeschränkt) & co. kg
secokg = se & co kg
secokgaa = se & co kgaa
stiftungcokg = stiftung & co kg
ag = ag | aktiengesellschaft | aktienges. | a.g.
ug = ug | ug (haftungsbeschränkt) | unternehmergesellschaft | unternehmergesellschaft (haftungsbeschränkt)
kg = kg | & co kg | kommanditgesellschaft | k.g.
kgaa = kgaa | kommanditgesellschaft auf aktien
ohg = ohg | offene handelsgesellschaft
og = og | offene gesellschaft
eu = e.u. | eingetragenes einzelunternehmen
gbr = gbr | gesellschaft bürgerlichen rechts | gdbr
ek = e.k. | e.kfm. | e.kfr. | eingetragener kaufmann | eingetragene kauffrau | e. kaufmann
ev = e.v. | eingetragener verein
eg = eg | e.g. | eingetragene genossenschaft
partg = partg | partg mbb | partgmbb | partnerschaft | partnerschaftsgesellschaft | partnerschaftsgesellschaft mbb
stiftung = stiftung
ltd = ltd | limited | ltd company | limited company | teoranta | cyfyngedig | cyf
plc = plc | public limited company | p.l.c. | public limited co
llp = llp | limited liability partnership
lp = lp | limited partnership
cic = cic | community interest company
cio = cio | charitable incorporated organisation
clg = clg | company limited by guarantee
dac = dac | designated activity company | designated activity company limited
uc = unlimited company
inc = inc | incorporated | incorp
corp = corp | corporation
llc = llc | limited liability company | limited liability co | ltd liability co
pllc = pllc
lllp = lllp
pc = p.c. | professional corporation
pa = p.a. | professional association
na = n.a. | national association
pvtltd = pvt ltd | private limited | pvt limited | private ltd | (p) ltd | p ltd
pteltd = pte ltd | pte limited
ptyltd = pty ltd | pty limited | proprietary limited
sdnbhd = sdn bhd | sendirian berhad
bhd = bhd | berhad
kk = k.k. | kabushiki kaisha | kabushiki gaisha
gk = godo kaisha
icav = icav | irish collective asset-management vehicle
sarl = sarl | s.à r.l. | s.à.r.l. | sàrl | société à responsabilité limitée | ste a responsabilite limitee
sarlu = sarlu
eurl = eurl | entreprise unipersonnelle à responsabilité limitée
sas = sas | société par actions simplifiée | s.a.s. | sasu | société par actions simplifiée unipersonnelle | società in accomandita semplice
snc = snc | s.n.c. | société en nom collectif | società in nome collettivo
scs = scs | s.c.s. | société en commandite simple
scsp = scsp | s.c.sp. | société en commandite spéciale
sca = sca | s.c.a. | société en commandite par actions
sci = sci | société civile immobilière
scm = scm | société civile de moyens
scp = scp | société civile professionnelle
scop = scop
scea = scea | société civile d'exploitation agricole
earl = earl
gaec = gaec
selarl = selarl
selas = selas
gie = gie | groupement d'intérêt économique
ei = entreprise individuelle
sicav = sicav
asbl = asbl | association sans but lucratif
vzw = vzw | vereniging zonder winstoogmerk
bv = bv | b.v. | besloten vennootschap | besloten vennootschap met beperkte aansprakelijkheid
bvba = bvba | besloten vennootschap met beperkte aansprakelijkheid bvba
sprl = sprl | société privée à responsabilité limitée
nv = nv | n.v. | naamloze vennootschap
cv = cv | coöperatieve vennootschap | commanditaire vennootschap
commv = commv | comm.v. | gewone commanditaire vennootschap
cvba = cvba | coöperatieve vennootschap met beperkte aansprakelijkheid
scrl = scrl | société coopérative à responsabilité limitée
vof = vof | v.o.f. | vennootschap onder firma
coop-nl = coöperatie | coöperatief | coop ua | coöperatie u.a. | ua
stichting = stichting
srl = srl | s.r.l. | società a responsabilità limitata | soc. a r.l. | soc. a resp. lim. | sociedad de responsabilidad limitada | societate cu răspundere limitată | società a responsabilità limitata unipersonale | srl unipersonale | srl a socio unico | srlu | società a responsabilità limitata a socio unico | société à responsabilité limitée srl
srls = srls | s.r.l.s. | società a responsabilità limitata semplificata | srl semplificata
srld = srl-d | srl d
spa = spa | s.p.a. | società per azioni | spa a socio unico | spa unipersonale | soc. per az.
sapa = sapa | s.a.p.a. | società in accomandita per azioni
ss = s.s. | società semplice
sasit = in accomandita semplice
coop = soc. coop. | società cooperativa | soc. cooperativa | cooperativa | scarl | s.c.a r.l. | soc. coop. a r.l. | società cooperativa a r.l. | s. coop. | sociedad cooperativa | società cooperativa a responsabilità limitata | scrl soc coop | soc. coop. p.a. | soc. coop. sociale | società cooperativa sociale | cooperativa sociale
scarl = società consortile a responsabilità limitata | società consortile a r.l. | soc. cons. a r.l.
onlus = onlus
ditta = ditta individuale | impresa individuale
sl = sl | s.l. | sociedad limitada | slu | s.l.u. | sociedad limitada unipersonal | sociedad limitada sociedad unipersonal
sll = sll | s.l.l. | sociedad limitada laboral
slne = slne | sociedad limitada nueva empresa
slp = slp | s.l.p. | sociedad limitada profesional
sal = sal | s.a.l. | sociedad anónima laboral
sccl = sccl
cb = c.b. | comunidad de bienes
aie = aie | agrupación de interés económico
sat = s.a.t. | sociedad agraria de transformación
lda = lda | limitada | unipessoal lda | unipessoal limitada | sociedade unipessoal lda | sociedade unipessoal por quotas | ltda | sociedade por quotas
eireli = eireli
sgps = sgps | sgps sa
crl = crl
sro = sro | s.r.o. | spol. s r.o. | společnost s ručením omezeným | spoločnosť s ručením obmedzeným | spol. sro | s ručením omezeným
vos = v.o.s. | veřejná obchodní společnost | verejná obchodná spoločnosť
zs = z.s. | zapsaný spolek
ops = o.p.s. | obecně prospěšná společnost
sp-cz = s.p. | státní podnik
kft = kft | korlátolt felelősségű társaság
nyrt = nyrt | nyilvánosan működő részvénytársaság
zrt = zrt | zártkörűen működő részvénytársaság
rt = rt | részvénytársaság
bt = bt | betéti társaság
kkt = kkt | közkereseti társaság
evhu = egyéni vállalkozó | e.v. egyéni vállalkozó
pfa = pfa | persoană fizică autorizată
snc-ro = societate în nume colectiv
iind = întreprindere individuală
eood = eood | ЕООД | еднолично дружество с ограничена отговорност
ood = ood | ООД | дружество с ограничена отговорност
ead = ead | ЕАД | еднолично акционерно дружество
ad = ad | АД | акционерно дружество | akcionarsko društvo
et = ЕТ | едноличен търговец
doo = doo | d.o.o. | društvo s ograničenom odgovornošću | družba z omejeno odgovornostjo | društvo sa ograničenom odgovornošću
jdoo = j.d.o.o. | jednostavno društvo s ograničenom odgovornošću
dd = d.d. | dioničko društvo | delniška družba
dno = d.n.o. | družba z neomejeno odgovornostjo
kd = k.d. | komanditno društvo | komanditna družba
spsi = s.p. samostojni podjetnik | samostojni podjetnik
ae = α.ε. | ανώνυμη εταιρεία | ανώνυμη εταιρία | a.e. | anonymi eteria | anonymi etairia
epe = ε.π.ε. | εταιρεία περιορισμένης ευθύνης | e.p.e. | epe
ike = ι.κ.ε. | ιδιωτική κεφαλαιουχική εταιρεία | i.k.e. | ike
oe = ο.ε. | ομόρρυθμη εταιρεία
ee = ε.ε. | ετερόρρυθμη εταιρεία
ou = oü | osaühing
tu = tü | täisühing
uu = uü | usaldusühing
mtu = mtü | mittetulundusühing
fie = fie | füüsilisest isikust ettevõtja
sia = sia | sabiedrība ar ierobežotu atbildību
ik = ik | individuālais komersants
uab = uab | uždaroji akcinė bendrovė
mb = mb | mažoji bendrija
ind = individuali įmonė
vsi = všį | viešoji įstaiga
ooo = ООО | общество с ограниченной ответственностью | ooo
oao = ОАО | открытое акционерное общество | oao | ojsc | open joint stock company
zao = ЗАО | закрытое акционерное общество | zao | cjsc | closed joint stock company
pao = ПАО | публичное акционерное общество | pjsc | public joint stock company
ao = АО | акционерное общество | jsc | joint stock company
tov = ТОВ | товариство з обмеженою відповідальністю | tov
fop = ФОП | фізична особа-підприємець
prat = ПрАТ | приватне акціонерне товариство
ltdsti = ltd şti | limited şirketi | limited şti
se = se | societas europaea
sce = sce
eeig = eeig | ewiv
sadecv = s.a. de c.v. | s.a.b. de c.v. | sociedad anónima de capital variable
sderldecv = s. de r.l. de c.v.
shpk = sh.p.k. | shpk
sagl = sagl
branch = oddział w polsce | zweigniederlassung deutschland | niederlassung deutschland | zweigniederlassung | filial | sverige filial | suomen sivuliike | succursale | sucursal en españa | branch
dst = dst | delaware statutory trust
tbk = tbk
"""
"""``code = spelling | spelling``. The first line that has a spelling owns it."""

FRONT: Final = """
ab oy as aps is ks sia uab ou mb vsi tu mtu fie tov ooo oao zao pao ao prat fop sarl sas sa sci scm scp snc scs scea
earl gaec selarl eurl asbl sprl vzw bvba bv nv vof stichting sc spzoo fundacja stow stiftelse stiftung coop spdz ditta
et eood ood ead ad pfa
"""
"""Codes of the forms that stand in front of the name as well."""

FRAMES: Final = "sc"
"""Codes that in front are a form only when there is another one at the end: S.C. Petrom S.A."""

LOOSE: Final = "corp"
"""Codes that are part of the name as often as they are its form, and give way to any other."""

COUNTRY_TWINS: Final = {
    "BE": ("sa nv", "srl bv sprl bvba", "asbl vzw", "scrl cvba", "snc vof", "scs commv"),
    "CH": ("ag sa", "gmbh sarl sagl", "stiftung fondation"),
    "DK": ("aps ivs",),
    "FI": ("oy ab ltd", "oyj abp plc", "ky kb"),
    "GR": ("ae sa", "epe ltd", "ike pc"),
    "LU": ("sarl gmbh", "sa ag"),
    "PL": ("sc spc",),
    "IT": ("srl gmbh",),
    "IE": ("ltd teo",),
}
"""Where a country has several languages, one form has several names: an S.A. in Belgium is the N.V. of the same law.

Or where a law turned every company of one form into another: the Belgian SPRL and BVBA, the Danish IVS."""

WORDS: Final = """
is da ans og ad kd ba pa na ei eg ek ee oe ik tov sat ss et se sp cv cb ps mb ay enk ae vos tu uu eu ev zs ops rt pc sca
sal crl cic il earl fie sc
"""
"""Spellings that are words or names as well: a form only at the very end, with dots or a slash, or in capitals in a name
that is not."""

BOTH: Final = {
    "oy+ab": "oy", "ab+oy": "oy", "oyj+abp": "oyj", "ky+kb": "ky", "sa+nv": "sa", "nv+sa": "sa", "srl+bv": "srl",
    "bv+srl": "srl", "sprl+bvba": "sprl", "bvba+sprl": "sprl", "asbl+vzw": "asbl", "vzw+asbl": "asbl",
    "sc+srl": "srl", "sc+sa": "sa", "dac+ltd": "dac", "as+ltd": "as", "gmbh+kg": "gmbhcokg", "ug+kg": "ugcokg",
    "spzoo+spk": "spzoosk", "spzoo+ska": "spzooska", "sa+sgps": "sgps", "sgps+sa": "sgps",
}  # fmt: skip
"""Two forms of one name that are one: written in both languages, or one as the frame of the other."""

STATUS: Final = """
co | company | publ | in liquidation | i l | i liq | in liqu | in liquidazione | en liquidation | en liquidacion | i likvidation
w likwidacji | w upadlosci | w upadlosci likwidacyjnej | w restrukturyzacji | v likvidaci | v likvidacii
in abwicklung | in insolvenz | i konkurs | under konkurs | under avvikling | em liquidacao | in lichidare
in liquidatie | i rekonstruktion | under likvidation | likvideerimisel | konkursis | en concordato
"""
"""What is said of a company for a while and is no part of its name; and *Company*, which is no form of any law. A bankrupt's estate is another legal person."""
