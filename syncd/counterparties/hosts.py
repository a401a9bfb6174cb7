"""Hosts that say nothing about whose they are: free mail, shops and pages on platforms. A list of words, nothing else.

What is missing here is caught by counting: a domain found on many unlike names is no evidence either.
"""

from __future__ import annotations

from typing import Final

FREE_MAIL: Final = frozenset(
    """
    126.com 163.com 1und1.de abv.bg aim.com alice.it aliceadsl.fr aol.com aol.de arcor.de aruba.it autograf.pl
    bezeqint.net bigpond.com bluewin.ch bol.com.br bredband.net btinternet.com centrum.cz centrum.sk chello.at
    chello.pl club-internet.fr comhem.se cox.net delfi.lv duck.com eircom.net elisanet.fi email.cz email.it
    eunet.rs fastmail.com fastwebnet.it free.fr freemail.hu freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de
    gmx.fr gmx.net go2.pl googlemail.com hetnet.nl hispeed.ch home.nl hotmail.be hotmail.co.uk hotmail.com
    hotmail.de hotmail.dk hotmail.es hotmail.fr hotmail.it hotmail.no hotmail.se hushmail.com icloud.com in.gr
    inbox.lt inbox.lv inbox.ru inet.hr interia.eu interia.pl iol.it iol.pt kabelmail.de kolumbus.fi kpnmail.nl
    laposte.net libero.it list.ru live.at live.be live.com live.com.pt live.de live.dk live.fr live.it live.nl
    live.no live.se luukku.com mac.com mail.bg mail.com mail.dk mail.ee mail.ru mail.telepac.pt mailbox.org me.com
    msn.com mweb.co.za naver.com neostrada.pl net.hr netcologne.de netvigator.com nokiamail.com ntlworld.com
    numericable.fr o2.co.uk o2.pl o2online.de onet.eu onet.pl online.de online.no op.pl optonline.net orange.fr
    orange.pl otenet.gr outlook.at outlook.be outlook.com outlook.de outlook.dk outlook.es outlook.fr outlook.it
    outlook.pt planet.nl poczta.fm poczta.onet.pl post.cz post.sk posteo.de posteo.net pp.inet.fi proton.me
    protonmail.ch protonmail.com qq.com rambler.ru rocketmail.com rogers.com sapo.pt sbcglobal.net seznam.cz sfr.fr
    shaw.ca sky.com skynet.be spoko.pl stofanet.dk sunrise.ch suomi24.fi swipnet.se t-online.de t-online.hu
    talktalk.net tdcadsl.dk telefonica.net telenet.be telia.com telus.net terra.es tin.it tiscali.it tlen.pl
    tutanota.com ukr.net upcmail.nl verizon.net versatel.nl vip.onet.pl virgilio.it virginmedia.com voila.fr
    volny.cz vp.pl wanadoo.fr wanadoo.nl web.de windowslive.com wp.eu wp.pl xs4all.nl ya.ru yahoo.co.uk yahoo.com
    yahoo.de yahoo.es yahoo.fr yahoo.gr yahoo.ie yahoo.it yahoo.pl yahoo.ro yahoo.se yandex.com yandex.ru ymail.com
    zeelandnet.nl ziggo.nl zoho.com zonnet.nl
    """.split()  # noqa: SIM905 - a list of four hundred strings is harder to read
)
PLATFORMS: Final = frozenset(
    """
    about.me airbnb.com alibaba.com aliexpress.com allegro.pl allegrolokalnie.pl amazon.co.uk amazon.com amazon.de
    amazon.es amazon.fr amazon.it amazon.pl apple.com baselinker.com behance.net blogger.com bol.com booking.com
    business.site cdiscount.com ceidg.gov.pl ceneo.pl discord.gg dropbox.com ebay.co.uk ebay.com ebay.de ebay.it
    ebay.pl ecwid.com emag.ro etsy.com europages.com eventbrite.com facebook.com fb.com fb.me firmy.cz fiverr.com
    g.page github.com gitlab.com glovoapp.com goo.gl google.com google.de google.pl gumroad.com idosell.com
    indiamart.com instagram.com jimdo.com kaufland.de kleinanzeigen.de krs-online.com.pl linkedin.com linktr.ee
    medium.com notion.site oferteo.pl olx.pl otto.de panoramafirm.pl patreon.com paypal.com paypal.me pinterest.com
    proff.dk proff.no proff.se prom.ua ricardo.ch shopee.pl shoper.pl shopify.com sites.google.com squarespace.com
    squareup.com stripe.com substack.com t.me telegram.me tiktok.com tripadvisor.com trustpilot.com twitter.com
    uber.com ubereats.com upwork.com vimeo.com webnode.com whatsapp.com wikipedia.org wix.com wordpress.com x.com
    xing.com yell.com yelp.com youtu.be youtube.com zalando.com znanylekarz.pl
    """.split()  # noqa: SIM905 - as above
)
NOBODYS: Final = frozenset(
    {
        "brak.pl",
        "domain.com",
        "example.com",
        "example.eu",
        "example.net",
        "example.org",
        "example.pl",
        "firma.pl",
        "none.com",
        "test.com",
        "test.pl",
    }
)
