"""Short and sister forms of given names: a line is a set of names that are written for each other.

Data only, ours (CC0), lower case ASCII. A name may stand in several sets (Sandy, Bobbie).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_SHORT_FORMS: Final = """
    aaron ron ronnie
    abigail abby abbey abbie gail
    abraham abe bram
    adam ad
    adelaide addie della
    agnes aggie nessa
    albert al bert bertie
    alexander alex alec sandy sasha aleksandr alejandro alessandro xander lex
    alexandra alex sandra sandy sasha alix lexi
    alfred al alf fred freddie
    alice ali elsie
    allan allen alan al
    amanda mandy manda
    anastasia ana stacy stacey nastia nastya nastassia asya
    andrew andy drew andre andreas andrei andrey
    angela angie angel
    ann anne anna annie nan nancy hannah anya anouk
    anthony tony antony anton antonio
    antoinette toni nettie
    arthur art artie
    barbara barb barbie babs bobbie
    bartholomew bart
    beatrice bea trixie
    belinda bel linda
    benjamin ben benny benji benjie
    bernard bernie barney
    beverly bev
    bradley brad
    brenda bren
    brian bryan
    bridget biddy bridie
    calvin cal
    cameron cam
    carl karl
    caroline carolyn carrie caro lynn carol
    catherine katherine kathryn kate katie kathy cathy kitty kat cat catharine katharine kathleen
    cecilia cissy celia
    charles charlie chuck chas chaz carlos karl
    charlotte lottie charlie lotte
    christina christine chris tina chrissy kristina kristine kristin kristen christa
    christopher chris kit topher kristopher
    clarence clare
    clifford cliff
    constance connie
    cornelius neil neal
    curtis curt kurt
    cynthia cindy cyndi
    daniel dan danny
    david dave davey davy
    deborah debra deb debbie debby
    dennis den denny
    diana diane di
    dmitry dmitri dima mitya
    dolores lola
    dominic dom nick
    donald don donnie
    dorothy dot dottie dolly dora
    douglas doug
    dwight ike
    edgar ed
    edmund ed eddie ned ted
    edward ed eddie ned ted teddy eduardo edouard
    edwin ed eddie
    eleanor ellie nell nora elle lenore
    elijah eli
    elizabeth liz lizzie beth betty betsy eliza elisabeth lisa libby bess elsie
    emily em emmy millie
    emma em emmy
    ernest ernie
    esther essie hester
    eugene gene yevgeny evgeny
    evelyn eve evie
    ezekiel zeke
    fernando nando
    florence flo florrie
    frances fran frannie francie
    francis frank franco francisco frankie
    franklin frank
    frederick fred freddie freddy frederic fredrick
    gabriel gabe
    gabrielle gabby
    gareth gary
    geoffrey jeffrey geoff jeff
    george georgie georg jorge yuri
    gerald gerard gerry jerry
    gilbert gil bert
    giovanni gianni vanni
    giuseppe beppe peppe
    grace gracie
    gregory greg gregg
    guillermo memo
    gwendolyn gwen
    harold harry hal
    harriet hattie
    harrison harry
    helen ellen nell nellie
    henry harry hank hal heinrich enrique
    herbert herb bert
    howard howie
    hubert bert hugh
    ignacio nacho
    immanuel emmanuel manny
    irene renie
    isaac ike
    isabel isabella isabelle bella belle izzy isobel
    ivan vanya
    jack john jackie
    jacob jake jakob
    jacqueline jackie
    james jim jimmy jamie jem jimmie
    jane janie jenny
    janet jan
    jason jay
    jean jeanne jeannie
    jennifer jen jenny jenn
    jeremiah jeremy jerry
    jerome jerry
    jessica jess jessie
    jesus chuy
    joan joanie
    joanna joanne jo
    john johnny jon jonny jack johannes johann juan ivan jean
    jonathan jon jonny nathan johnathan
    joseph joe joey jose josef giuseppe
    josephine jo josie
    joshua josh
    juan juanito
    judith judy jude
    julia julie jules
    julian jules
    karen kari
    kenneth ken kenny
    kimberly kim kimberley
    kristofer kris
    laurence lawrence larry lars laurie lorenzo
    laura laurie lori lauren
    leah lee lea leigh
    leo leon
    leonard len lenny leo
    leroy roy
    leslie les lesley
    lewis louis lou luis ludwig louie
    lillian lily lil
    linda lindy lynn
    louise lou luise
    lucas luke
    lucille lucy
    luis lucho
    madeline maddie madeleine
    magdalena lena magda
    manuel manny manolo
    marcus mark marc
    margaret maggie meg peggy marge margie greta megan marjorie rita daisy margarita
    maria marie mary mia mariya
    mark marc marcus
    martha marty mattie
    martin marty
    marvin marv
    mary molly polly mae mamie maria
    matilda tilly tilda mattie
    matthew matt matthias mateo
    maurice morris morrie mo
    maximilian max
    maxwell max
    megan meg
    melanie mel
    melissa mel missy lissa
    melvin mel
    michael mike mick mickey micky mikhail miguel michel misha mikey
    michelle shelly micki
    mildred millie
    minerva minnie
    mitchell mitch
    mohammed mohamed mohammad muhammad muhammed mohamad muhamad mehmet mohd md mahomet moh muhammet
    ahmed ahmad achmed ahmet
    abdullah abdallah abdulla abdoullah
    yusuf yousef youssef yousuf jusuf yussuf
    hussein husayn hussain husain hossein hussin khusein
    hassan hasan
    osama usama
    umar omar
    uthman osman othman usman
    ibrahim ebrahim
    said saeed saeid sayid sayyid
    nancy nan
    natalie nat natalia natasha
    nathaniel nathan nate nat nathanael
    nicholas nick nicky nicolas nikolai nikolay nico klaus claus
    nicole nicki nikki
    norman norm
    oliver ollie olly
    olivia liv livvy
    oscar ossie
    oswald oz ozzie
    pamela pam
    patricia pat patty patti tricia trish
    patrick pat paddy rick patricio
    paul pavel pablo paolo
    pauline polly
    penelope penny
    percival percy
    peter pete pyotr petr pedro pietro
    philip phil phillip felipe
    priscilla cilla
    rachel rae
    ramona mona
    randall randy
    randolph randy
    raphael rafael rafe rafa
    raymond ray ramon
    rebecca becky becca
    regina gina
    reginald reg reggie
    richard rick dick rich ricky richie ricardo ritchie dickie
    robert bob rob bobby robbie bert roberto robby bobbie
    roberta bobbie bobby
    roderick rod rick
    rodney rod
    roland rollie orlando
    ronald ron ronnie
    rosemary rose rosie
    rosalind roz rosa
    rudolph rudy rolf
    russell russ rusty
    ruth ruthie
    salvador sal chava
    samantha sam sammy
    samson sam
    samuel sam sammy
    sandra sandy
    sarah sara sally sadie zara sahra zahra sarai
    sebastian seb bastian
    sergey sergei sergejs serhiy sergio serge
    sharon shari
    sheila shelagh
    sidney sid sydney
    simon si simeon
    solomon sol
    sophia sophie sofia
    spencer spence
    stanley stan
    stephanie steph stefanie
    steven stephen steve stevie stefan esteban stephan etienne
    stuart stu stewart
    susan susannah sue susie suzanne suzy susanna
    sylvester sly
    sylvia silvia
    tabitha tabby
    tamara tammy
    teresa theresa terry tess tessa terri
    terence terry terrence terrance
    theodore ted teddy theo
    thomas tom tommy tomas
    timothy tim timmy
    tobias toby
    valerie val
    vanessa nessa
    veronica ronnie roni
    victor vic viktor
    victoria vicky vicki tori
    vincent vince vinny vinnie
    virginia ginny ginger
    vivian viv
    vladimir vova volodya wladimir volodymyr uladzimir
    walter walt wally
    wesley wes
    wilfred will fred
    wilhelmina willa mina
    william bill will billy willie liam willy guillermo wilhelm guillaume
    winifred winnie
    winston win
    xavier javier
    yulia julia yuliya
    yvonne vonnie
    zachary zach zack zac zachariah
    kandace candace candice kandice candy
    robyn robin
"""


def _short_forms() -> Mapping[str, frozenset[int]]:
    groups: dict[str, set[int]] = {}
    for number, line in enumerate(_SHORT_FORMS.strip().splitlines()):
        for word in line.split():
            groups.setdefault(word, set()).add(number)
    return MappingProxyType({word: frozenset(found) for word, found in groups.items()})


SHORT_FORMS: Final = _short_forms()
