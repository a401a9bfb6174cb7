"""What a made-up register of companies is made of: countries with their forms, cities, streets and words. Data only."""

# ruff: noqa: SIM905 - a list of words is read best as a text

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Land:
    """One country: how often it occurs and how its companies write themselves."""

    code: str
    weight: int
    dial: str
    forms: tuple[tuple[str, ...], ...]  # each with its spellings, the usual one first
    cities: tuple[str, ...]
    streets: tuple[tuple[str, ...], ...]  # each with its spellings
    house_first: bool
    given: tuple[str, ...]
    family: tuple[str, ...]
    trades: tuple[str, ...]
    postal: str  # 9 a digit, A a letter


def _land(code: str, weight: int, dial: str, postal: str, *texts: str, house_first: bool = False) -> Land:
    forms, cities, streets, given, family, trades = ([one.strip() for one in text.split(";")] for text in texts)
    return Land(
        code, weight, dial, tuple(tuple(form.split("|")) for form in forms), tuple(cities),
        tuple(tuple(street.split("|")) for street in streets), house_first, tuple(given), tuple(family), tuple(trades),
        postal,
    )  # fmt: skip


LANDS = (
    _land("PL", 30, "48", "99-999",
          "Sp. z o.o.|Spółka z o.o.|sp. z o.o.|Spółka z ograniczoną odpowiedzialnością|SP Z O O; S.A.|SA|Spółka Akcyjna; Sp.k.|Spółka komandytowa|sp. k.; Sp. z o.o. Sp.k.|Spółka z o.o. Sp. k.; s.c.|S.C.|spółka cywilna",
          "Warszawa;Kraków;Łódź;Wrocław;Poznań;Gdańsk;Szczecin;Bydgoszcz;Lublin;Białystok;Katowice;Rzeszów;Toruń;Kielce;Olsztyn;Opole;Płock;Zielona Góra",
          "ul. Polna|Polna|UL. POLNA; ul. Leśna|Leśna; ul. Kwiatowa|ulica Kwiatowa|Kwiatowa; ul. Przemysłowa|Przemysłowa; al. Jana Pawła II|Al. Jana Pawła II; ul. 3 Maja|3 Maja; pl. Wolności|Plac Wolności; ul. Krótka|Krotka",
          "Jan;Anna;Piotr;Maria;Tomasz;Ewa;Marek;Zofia;Łukasz;Agnieszka", "Kowalczyk;Wiśniewski;Wójcik;Zieliński;Szymański;Dąbrowski;Kozłowski;Jankowski;Mazur;Krawczyk;Piotrowski;Grabowski;Pawłowski;Michalski;Król;Wróbel;Jabłoński;Stępień;Górski;Rutkowski",
          "Transport;Budownictwo;Usługi;Meble;Consulting;Handel;Instalacje;Logistyka;Nieruchomości;Produkcja;Druk;Okna;Stal;Ogrody;Energia;Systemy"),
    _land("DE", 16, "49", "99999",
          "GmbH|Gmbh|G.m.b.H.|Gesellschaft mit beschränkter Haftung; GmbH & Co. KG|GmbH & Co KG|GmbH u. Co. KG; AG|Aktiengesellschaft; UG (haftungsbeschränkt)|UG; e.K.|e. K.; OHG|oHG",
          "Berlin;Hamburg;München;Köln;Frankfurt am Main;Stuttgart;Düsseldorf;Leipzig;Dortmund;Bremen;Dresden;Nürnberg;Lübeck;Würzburg;Göttingen;Münster",
          "Hauptstraße|Hauptstr.|Hauptstrasse; Bahnhofstraße|Bahnhofstr.; Gartenweg; Industriestraße|Industriestr.|Industriestrasse; Am Markt; Lindenallee; Mühlenweg|Muehlenweg; Schillerplatz|Schillerpl.",
          "Klaus;Petra;Jürgen;Sabine;Uwe;Monika;Günther;Ute", "Müller;Schröder;Krüger;Köhler;Böhm;Weiß;Jäger;Schäfer;Hoffmann;Vogel;Brandt;Lorenz;Kühn;Pohl;Engel;Busch;Sauer;Arnold",
          "Maschinenbau;Handel;Logistik;Technik;Bau;Immobilien;Verwaltung;Elektro;Möbel;Druck;Metall;Spedition;Software;Beratung;Gartenbau;Service"),
    _land("SE", 10, "46", "999 99",
          "AB|Aktiebolag|AB (publ); HB|Handelsbolag; KB|Kommanditbolag",
          "Stockholm;Göteborg;Malmö;Uppsala;Örebro;Västerås;Linköping;Jönköping;Umeå;Gävle;Växjö;Kalmar",
          "Storgatan|Storg.; Kungsgatan|Kungsg.; Drottninggatan|Drottningg.; Skolvägen|Skolv.; Strandvägen; Industrigatan; Järnvägsgatan; Björkvägen",
          "Lars;Karin;Erik;Märta;Göran;Åsa", "Lindström;Sjöberg;Bergqvist;Åkesson;Nyström;Holmgren;Wallin;Öberg;Ekström;Hellström;Norén;Söderlund",
          "Bygg;Fastigheter;Konsult;Teknik;Måleri;Åkeri;Invest;Förvaltning;Handel;Rör;El;Skog;Data;Verkstad"),
    _land("DK", 8, "45", "9999",
          "ApS|APS|Anpartsselskab; A/S|AS|Aktieselskab; I/S|Interessentskab",
          "København;Aarhus;Odense;Aalborg;Esbjerg;Randers;Kolding;Horsens;Vejle;Roskilde",
          "Vestergade; Algade; Nørregade|Norregade; Søndergade|Soendergade; Industrivej; Havnegade; Skovvej; Kirkevej",
          "Søren;Mette;Jens;Kirsten;Bjørn;Anne", "Sørensen;Jørgensen;Møller;Kjær;Østergaard;Lauridsen;Thorup;Bæk;Nørgaard;Dahl",
          "Byg;Ejendomme;Rådgivning;Teknik;Transport;Holding;Tømrer;VVS;Handel;Maskiner;Service;Invest"),
    _land("NO", 7, "47", "9999",
          "AS|A/S|Aksjeselskap; ASA; DA|ANS",
          "Oslo;Bergen;Trondheim;Stavanger;Drammen;Kristiansand;Tromsø;Ålesund;Bodø;Skien",
          "Storgata|Storgaten|Storgt.; Kirkegata; Strandveien; Industriveien; Havnegata; Skolegata; Jernbaneveien",
          "Bjørn;Ingrid;Ole;Astrid;Håkon;Solveig", "Hansen;Bakken;Haugen;Lie;Moen;Sæther;Løken;Strøm;Ødegård;Myhre",
          "Bygg;Eiendom;Rør;Transport;Regnskap;Sjømat;Elektro;Invest;Maskin;Konsult;Drift;Shipping"),
    _land("FI", 5, "358", "99999",
          "Oy|OY|Osakeyhtiö|Oy Ab; Oyj; Ky|Kommandiittiyhtiö",
          "Helsinki;Espoo;Tampere;Turku;Oulu;Jyväskylä;Lahti;Kuopio;Pori",
          "Mannerheimintie; Teollisuuskatu; Koulukatu; Rantatie; Kauppakatu; Asematie; Puistokatu",
          "Matti;Liisa;Jukka;Päivi;Heikki;Aino", "Virtanen;Mäkinen;Nieminen;Hämäläinen;Järvinen;Lehtonen;Salminen;Pöyry;Koskinen",
          "Rakennus;Kiinteistöt;Tekniikka;Konsultointi;Kuljetus;Puu;Metalli;Huolto;Kauppa;Palvelut"),
    _land("GB", 10, "44", "AA9 9AA",
          "Ltd|Ltd.|Limited|LTD; plc|PLC; LLP",
          "London;Manchester;Leeds;Bristol;Birmingham;Glasgow;Cardiff;Sheffield;Norwich;Exeter",
          "High Street|High St; Church Lane|Church Ln; Station Road|Station Rd; Mill Lane; Victoria Avenue|Victoria Ave; Park Road|Park Rd; Queen Square|Queen Sq",
          "John;Margaret;Peter;Susan;David;Helen", "Ashworth;Bradley;Carter;Dawson;Ellis;Fletcher;Hargreaves;Jenkins;Lambert;Marsh;Norris;Pritchard;Thornton;Whitfield",
          "Engineering;Consulting;Logistics;Properties;Electrical;Foods;Printing;Plumbing;Textiles;Marine;Studios;Interiors;Motors;Supplies", house_first=True),
    _land("FR", 8, "33", "99999",
          "SARL|S.A.R.L.|Sàrl|Société à responsabilité limitée; SAS|S.A.S.|Société par actions simplifiée; SA|S.A.|Société anonyme; SCI|S.C.I.",
          "Paris;Lyon;Marseille;Toulouse;Nantes;Bordeaux;Lille;Orléans;Nîmes;Saint-Étienne;Besançon",
          "rue de la Gare|Rue de la Gare; avenue Foch|av. Foch|Avenue Foch; boulevard Carnot|bd Carnot; place du Marché; rue des Écoles|rue des Ecoles; chemin Vert",
          "Jean;Élodie;Pierre;Hélène;François;Céline", "Lefèvre;Girard;Mercier;Dupuis;Chevalier;Gauthier;Perrin;Fabre;Rolland;Aubert;Brunet;Carpentier",
          "Bâtiment;Conseil;Transports;Immobilier;Électricité;Menuiserie;Distribution;Services;Ingénierie;Nettoyage;Édition;Mécanique", house_first=True),
    _land("IT", 9, "39", "99999",
          "S.r.l.|SRL|Srl|Società a responsabilità limitata; S.p.A.|SPA|SpA|Società per azioni; S.n.c.|SNC; S.a.s.|SAS; Soc. Coop.|Società Cooperativa",
          "Milano;Roma;Torino;Bologna;Firenze;Napoli;Verona;Genova;Padova;Bari;Forlì;Cantù",
          "Via Roma|V. Roma; Via Garibaldi|via Garibaldi; Corso Cavour|C.so Cavour; Piazza Dante|P.zza Dante; Viale Europa|V.le Europa; Via Mazzini; Via dei Mille",
          "Mario;Giulia;Paolo;Chiara;Niccolò;Laura", "Bianchi;Ferrari;Esposito;Colombo;Ricci;Marino;Conti;Galli;Rizzo;Barbieri;Fontana;Caruso;Leone",
          "Costruzioni;Impianti;Trasporti;Immobiliare;Meccanica;Arredamenti;Alimentari;Servizi;Elettronica;Tessuti;Carpenteria;Informatica"),
    _land("ES", 7, "34", "99999",
          "S.L.|SL|Sociedad Limitada|S.L.U.; S.A.|SA|Sociedad Anónima; S. Coop.|Sociedad Cooperativa",
          "Madrid;Barcelona;Valencia;Sevilla;Zaragoza;Málaga;Bilbao;Córdoba;León;Cádiz",
          "Calle Mayor|C/ Mayor; Avenida de la Paz|Avda. de la Paz; Calle Real|C/ Real; Plaza España|Pza. España; Paseo Colón; Calle Olivo|C/ Olivo",
          "José;Carmen;Luis;Pilar;Ramón;Inés", "García;Núñez;Ibáñez;Ortega;Vázquez;Castillo;Domínguez;Navarro;Gil;Molina;Peña;Cortés",
          "Construcciones;Transportes;Inversiones;Suministros;Instalaciones;Asesores;Alimentación;Gestión;Muebles;Hostelería;Talleres;Promociones"),
    _land("NL", 5, "31", "9999 AA",
          "B.V.|BV|Besloten Vennootschap; N.V.|NV; VOF|V.O.F.",
          "Amsterdam;Rotterdam;Utrecht;Eindhoven;Groningen;Breda;Arnhem;Leiden",
          "Dorpsstraat|Dorpsstr.; Kerkstraat|Kerkstr.; Stationsweg; Molenweg; Hoofdstraat|Hoofdstr.; Industrieweg",
          "Jan;Sanne;Pieter;Anouk;Daan", "de Groot;Visser;Bakker;van Dijk;Smit;Mulder;Bos;Vermeulen;Hoekstra;Kuipers",
          "Beheer;Techniek;Bouw;Vastgoed;Advies;Transport;Installatie;Handel;Groep;Diensten"),
    _land("BE", 3, "32", "9999",
          "NV|N.V.|SA; BV|B.V.|SRL; VZW|ASBL",
          "Bruxelles;Antwerpen;Gent;Liège;Namur;Leuven;Brugge",
          "Kerkstraat|Kerkstr.; rue Neuve|Rue Neuve; Stationsstraat; avenue Louise|av. Louise; Nieuwstraat",
          "Luc;Marie;Wim;Els", "Peeters;Janssens;Maes;Jacobs;Willems;Claes;Dubois;Lambert",
          "Consult;Bouw;Invest;Services;Immo;Projects;Technics;Transport"),
    _land("CZ", 4, "420", "999 99",
          "s.r.o.|s. r. o.|spol. s r.o.|společnost s ručením omezeným; a.s.|akciová společnost; v.o.s.",
          "Praha;Brno;Ostrava;Plzeň;Olomouc;Liberec;České Budějovice;Hradec Králové",
          "Nádražní; Masarykova; Dlouhá; Školní; Husova; Průmyslová|Prumyslova",
          "Jiří;Eva;Tomáš;Věra", "Novák;Dvořák;Černý;Procházka;Kučera;Veselý;Horák;Němec",
          "Stavby;Obchod;Doprava;Servis;Reality;Energo;Kovo;Systémy"),
    _land("AT", 3, "43", "9999",
          "GmbH|Ges.m.b.H.|G.m.b.H.; AG; KG|Kommanditgesellschaft; OG",
          "Wien;Graz;Linz;Salzburg;Innsbruck;Klagenfurt",
          "Hauptstraße|Hauptstr.; Bahnhofstraße|Bahnhofstr.; Mozartgasse; Landstraße|Landstr.; Feldweg",
          "Franz;Maria;Josef;Elisabeth", "Gruber;Huber;Pichler;Steiner;Moser;Wöß;Hofer;Leitner",
          "Bau;Handel;Technik;Holz;Touristik;Beteiligung;Immobilien;Transporte"),
)  # fmt: skip

SUFFIXES = tuple(
    "Holding;Services;Group;Invest;Property;Development;Trading;Solutions;International;Logistics;Finance;Management".split(
        ";"
    )
)
SYLLABLES = tuple(
    "ba be bi bo bra bre ca ce cla co cor da de di do dra el en fa fe fi flo ga ge gi go gra ha he hel i jo ka ke ki kor la "
    "le li lo lu ma me mi mo mon na ne ni no nor o or pa pe pi pla po pra ra re ri ro ru sa se si so sol sta ta te ti to tra "
    "tri u va ve vel vi vo wa wi xa ya za ze zo".split()
)
ENDINGS = ("", "", "", "n", "r", "s", "x", "l", "m", "tec", "dex", "ra", "via", "nova", "lux", "mar", "vis", "don")
BRANDS = tuple(
    "Pizza Corner;Fresh Basket;Drogeria Luna;Auto Punkt;Bäckerei Sonnig;Café Tempo;Optik Klar;Fit Fabrik;Kwiaty Polne;Copy Shop Rapid".split(
        ";"
    )
)
PLATFORMS = ("facebook.com", "linkedin.com/company", "sites.google.com", "business.site")
FREE_MAIL = ("gmail.com", "wp.pl", "gmx.de", "hotmail.com", "o2.pl", "orange.fr", "libero.it")
TOWNS_START = tuple("Stara Nowa Wielka Mała Górna Dolna Czarna Biała Zielona".split())
TOWNS = tuple(
    "Wola Lipa Dąbrowa Sosna Olszyna Brzezina Rzeka Kamień Jodła Wierzba Topola Leszczyna Grabówka Bukowina".split()
)
