"""The rules: English wordings of suicide, self-harm, violence and emergencies.

They look for what was named, not for what was meant: a denial ("I am not suicidal") and a school
essay on suicide count like an admission. Reading a "not" wrongly would cost a person the referral;
a referral too many costs a sentence. Figures of speech are taken out first.

All patterns read the form that `eva.safety.plain_text` makes.
"""

from eva.safety.detector import Topic

_OWN = r"(?:my|your|him|her|them|it)sel(?:f|ves)"
_WHOSE = r"(?:my|his|her|their|your|our)"
_GONE = (
    r"(?:dead|gone|not here|not around|not alive|not there|never born|not in it|out of the (?:way|picture))"
)
_PILLS = (
    r"(?:pills?|tablets?|meds|medication|painkillers?|paracetamol|tylenol|sleeping pills?|antidepressants?)"
)
_HEIGHT = r"(?:bridge|roof|ledge|balcony|building|cliff|overpass|window|tracks?)"
_ONE = r"(?:me|him|her|them|us|someone|somebody|anyone|people|everyone|everybody|you|the \w+|my \w+|this \w+)"
_PERSON = (
    r"(?:he|she|they|who|husband|wife|boyfriend|girlfriend|partner|ex|father|dad|stepfather|stepdad|mother|"
    r"mom|mum|stepmother|brother|sister|uncle|aunt|cousin|grandfather|son|roommate|neighbou?r|teacher|coach|"
    r"boss|man|guy|someone|somebody)"
)
_WANT = (
    r"(?:want|wants|wanted|wanting|wish|wishes|hope|hoping|plan|planning|ready|going|trying|tried|need|deserve|"
    r"prefer|decided|about|like|urge|meant|supposed|better)"
)

FIGURES_OF_SPEECH = [
    r"\b(?:is|are|was|were|been) (?:slowly )?killing (?:me|us|my)\b",
    r"\bkill(?:ed|ing|s)? (?:it|time|the mood|two birds|for (?:a|an|some|one))\b",
    r"\b(?:could|would) (?:murder|kill for)\b",
    r"\b(?:boss|mum|mom|mother|dad|father|parents|wife|husband|teacher|coach|sister|brother|roommate|she|he|they)"
    r" (?:will|would|is going to|are going to) kill me (?:when (?:she|he|they)|if (?!i (?:leave|go|tell|talk|speak)))",
    r"\bd(?:ying|ied|ie) (?:to (?:see|know|meet|hear|try|go|get|tell|find)|laughing|"
    r"(?:of|from) (?:embarrassment|boredom|laughter|laughing|shame|curiosity|heat|hunger))\b",
    r"\brather die than\b",
    r"\b(?:bored|scared|worked|worried|sick|love\w*|frightened|tickled) (?:\w+ )?to death\b",
    r"\bdeath by a thousand cuts\b",
    r"\bsuicide (?:squad|sprints?|drills?|doors?|mission)\b",
    r"\b(?:run|ran|running|do|did) suicides\b",
    r"\b(?:career|social|political|financial|professional) suicide\b",
    r"\bsuicide to (?:ask|say|quit|try|tell|admit|leave)\b",
    r"\bsh(?:oo|o)t(?:ing)? (?:myself|himself|herself|themselves|yourself) in the foot\b",
    r"\b(?:kick|beat)(?:ing)? (?:myself|yourself) (?:up|for|over)\b",
    r"\boverdos\w* on (?:chocolate|coffee|caffeine|sugar|cake|candy|sweets|cheese|christmas|tv|netflix|news)\b",
    r"\bcut (?:myself )?(?:while |when )?(?:shaving|cooking|chopping)\b",
    r"\b(?:jump\w*|under) the gun\b|\b(?:glue|water|nerf|heat|top) gun\b",
    r"\b(?:in|into|out of) (?:\w+ )?self[- ]defen[cs]e\b",
]

RULES: dict[Topic, dict[str, list[str]]] = {
    "suicide": {
        "named": [
            r"\bsuicid\w*",
            r"\b(?:commit|attempt)\w* (?:it|suicide)\b",
            r"\bkill\w* (?:off )?" + _OWN,
            r"\b(?:hang\w*|hung|shoot\w*|shot|drown\w*|poison\w*|stab\w*) " + _OWN,
            r"\b(?:end|ends|ending|ended|take|takes|took|taking|taken) (?:it all\b|"
            + _OWN
            + r"|"
            + _WHOSE
            + r" (?:own )?li(?:fe|ves)\b)",
            r"\b(?:end|ending) (?:it|things|everything)(?: all)?(?: tonight| now| today| tomorrow| for good|\.|!|,|$)",
        ],
        "wish to die": [
            r"\b" + _WANT + r"(?: \w+){0,2}? to (?:die|be dead|not exist|stop existing)\b",
            r"\b(?:wish(?:es|ed|ing)?|hop(?:e|es|ed|ing)|rather|if only)(?: that)?(?: i| she| he| they)?"
            r"(?: was| were| would| could| had| am| be)*(?: \w+)? (?:be dead|dead|die|died)\b",
            r"\bfeel(?:s|ing)? like dying\b",
            r"\b(?:wants?|wish|wanting) (?:to )?(?:die|death)\b",
            r"\bway to die\b|\bpainless (?:death|way)\b|\bbetter off dead\b",
            r"\bwish (?:that )?i (?:had never been|was never|were never|was not|were not) (?:born|alive|here)\b",
        ],
        "wish not to live": [
            r"\b(?:not|no longer|never) (?:want|wish|wanting) to (?:be alive|exist|wake up|go on living|keep living)\b",
            r"\b(?:not|no longer) want to (?:live|be here|be around|go on|continue)"
            r"(?=$|[.,!?;]| (?:any|like this|without|now|at all|tomorrow|and|because))",
            r"\bnot (?:want to )?(?:live|exist) (?:at all|anymore)\b|\bto not (?:exist|be here|be alive|wake)\b",
            r"\b(?:never|not) (?:to )?wak(?:e|ing) up(?: again| tomorrow| anymore|$|[.,!?])",
            r"\b(?:sleep|gone|disappear|vanish|rest) (?:forever|for good)\b",
            r"\bdisappear and never\b|\bstop forever\b",
            r"\b(?:reason|point|sense|purpose)s? (?:to|in|of|for) (?:my |me )?"
            r"(?:liv(?:e|ing)|be(?:ing)? alive|stay(?:ing)? alive|exist\w*|go(?:ing)? on(?: living)?)\b",
            r"\b(?:nothing|no one|nobody|not much|little)(?: left)? to live for\b",
            r"\b(?:not|nothing|never|hardly) worth (?:living|it anymore)\b",
            r"\b(?:lost|losing|lose|no|have not) (?:the |my |her |his )?will to live\b",
            r"\b(?:tired|sick|done) (?:of|with) (?:living|life|being alive|this life|my life|existing)\b",
        ],
        "burden": [
            r"\b(?:better|happier|easier|kinder|nicer)\b[^.!?]*\b(?:without me|without us|if i (?:was|were|am) "
            + _GONE
            + r")\b",
            r"\bbetter off without (?:me|her|him)\b|\bwithout me in it\b",
            r"\b(?:nobody|no one|noone)(?: else)? (?:would|will)(?: \w+)? (?:miss me|(?:miss|notice|care)[^.!?]* if i "
            r"(?:was|were|am|died|disappeared|wasn))",
            r"\b(?:miss|notice|care) (?:me )?(?:if|when|that) i (?:was|were|am|had) (?:gone|dead|not here)\b",
            r"\b(?:a|the|such a) burden (?:to|on|for)\b",
        ],
        "farewell": [
            r"\b(?:goodbye|farewell|suicide|last) (?:letter|note|message)s?\b",
            r"\blast time you (?:will )?(?:ever )?(?:hear|see|talk)\b",
            r"\bi will not be (?:here|around|alive)\b|\bwhen i am (?:gone|not here|dead|no longer)\b",
            r"\bgiv(?:e|ing|en) away (?:all )?(?:my|his|her) (?:things|stuff|belongings|possessions)\b",
            r"\b(?:not|will|to) (?:think i will )?(?:make|survive|get|live) (?:it )?through (?:the|this|to)?"
            r" ?(?:night|day|week|tomorrow)\b",
            r"\bfuture (?:with|for) me\b|\b(?:one|only) way out\b",
            r"\bkeep myself safe\b|\bsafe (?:from|with) myself\b",
            r"\bon this planet\b|\bend of my rope\b[^.!?]*\b(?:hold|not want|let go)\b",
        ],
        "means": [
            r"\bjump\w* (?:off|from|in front of|out of|onto) (?:a|the|my|this)? ?"
            + _HEIGHT
            + r"\b(?!,? ?(?:haha|lol))",
            r"\bstand(?:ing)? on (?:a|the|this) " + _HEIGHT + r"\b|\bstood on (?:a|the) " + _HEIGHT,
            r"\bi am on (?:a|the) (?:bridge|ledge|roof|tracks)\b(?! terrace)|\blook\w* at (?:the|that) bridge\b",
            r"\bin front of (?:a|the|an|that) (?:train|bus|truck|lorry|car|tram|subway)\b",
            r"\b(?:driv\w+|crash\w*|swerv\w+|steer\w*)(?: my car| the car)? (?:into|off) (?:a|the) "
            r"(?:tree|wall|bridge|cliff|river|pole|truck)\b",
            r"\b(?:hope|wish|hoping) (?:that )?(?:a|some|the) (?:car|bus|truck|train)\b",
            r"\boverdos\w*|\b(?:too many|all (?:of )?(?:my|the|his|her)|bottle of|handful of|how many|whole \w+ of|"
            r"saving up (?:my )?|stockpil\w+ (?:my )?|have the|enough)(?: \w+)? ?" + _PILLS,
            r"\b(?:slit|slash)\w* (?:my|her|his) (?:wrist|throat)|\bnoose\b",
            r"\bdrank (?:bleach|poison|antifreeze)\b",
        ],
    },
    "self_harm": {
        "named": [
            r"\bself-harm\w*|\bself[- ]injur\w*",
            r"\b(?:hurt|harm|cut|burn|starv|punish|injur|mutilat|scratch|choke?)\w* (?:" + _OWN + r")\b",
            r"\b(?:hurt|harm|punish|damage)\w* my (?:own )?body\b",
        ],
        "cutting": [
            r"\b(?:been|started|stop|stopped|start|to|i am|back to|of) cutting(?=$|[.,!?]| (?:again|for|since|and|my "
            r"(?:arm|leg|wrist|thigh|skin)))",
            r"\bcut(?:s|ting)? (?:on |into |across |along )?(?:my|her|his) (?:arms?|legs?|wrists?|thighs?|skin)\b",
            r"\bso i cut(?=$|[.,!?])|\bcut too deep\b|\burge to cut\b",
            r"\b(?:cuts|scars|burns|marks) on (?:my|her|his) (?:arms?|legs?|wrists?|thighs?)\b",
            r"\b(?:razor blades?|used the razor|the razor again|the blade)\b(?! for)",
        ],
        "other": [
            r"\bburn\w* my (?:arm|leg|skin|wrist|thigh)s?\b|\bwith a (?:lighter|cigarette)\b",
            r"\b(?:hit|hits|hitting|bang\w*|punch\w*|slap\w*) (?:my )?(?:own )?(?:head|myself|the wall)\b",
            r"\b(?:scratch|pick|bite|pinch)\w* (?:my )?(?:own )?(?:skin|arms?|body)? ?until\b",
            r"\b(?:like|need|deserve) the pain\b",
        ],
    },
    "violence": {
        "done to somebody": [
            r"\b(?:raped?|rapist|raping|molest\w*|sexual(?:ly)? (?:abus|assault|harass)\w*|assaulted|stalk(?:ed|ing|er|s))\b",
            r"\b"
            + _PERSON
            + r"(?: \w+){0,3}? (?:hit|hits|hitting|beat|beats|beating|beaten|chok\w+|strangl\w+|punch\w*|"
            r"kick\w*|slap\w*|attack\w*|abus\w+|grop\w+|drug\w*|shov\w+|burn\w*) "
            r"(?:me|her|him|us|them|my \w+|our \w+)\b(?! (?:out|off|to|at|in the (?:game|race)|up about))",
            r"\bi (?:was|am being|got|have been) (?:beaten up|attacked|abused|choked|hit by)\b",
            r"\b(?:forc\w+|mak\w+) me (?:to )?(?:have sex|touch|sleep with)\b|\btouch(?:es|ed|ing) me\b",
            r"\b(?:comes?|coming|came) (?:in)?to my (?:room|bed) at night\b",
            r"\block(?:s|ed|ing)? (?:me|us) (?:in|up)\b|\bthrow\w* (?:things|stuff|plates|objects) at (?:me|us)\b",
        ],
        "threatened": [
            r"\b(?:said|says|swore|told me|threatens?|if i) [^.!?]{0,30}\bkill (?:me|us|him|her|them|my \w+)\b",
            r"\bkill (?:me|us) if i (?:leave|go|tell|talk|speak)\b",
            r"\bthreat(?:en\w*|s) (?!to (?:fire|quit|sue|leave|resign|cancel|call))",
            r"\b(?:not|never|do not feel) (?:feel )?safe (?:at home|here|with (?:him|her|them)|in my)\b",
            r"\b(?:afraid|scared|terrified) (?:to go home|of my (?:husband|father|dad|boyfriend|partner|ex|stepfather))\b",
            r"\bfollow(?:s|ing|ed) me (?:right now|home|again|everywhere)\b|\boutside my (?:window|door|house)\b",
            r"\b(?:has|have|had|got|bought|bring|brought|with|get|owns|carr(?:y|ies)) (?:a|his|her|my|the) "
            r"(?:gun|knife|pistol|rifle|weapon)\b",
            r"\b(?:broke|breaks|break|breaking) in\b[^.!?]*\b(?:gun|knife|ex|he|she)\b",
        ],
        "meant for others": [
            r"\b(?:want|wants|going|plan\w*|about|urge|need|have) to (?:really )?"
            r"(?:kill|hurt|stab|shoot|harm|strangle|poison|attack) "
            + _ONE
            + r"\b(?! (?:feelings|project|plants))",
            r"\b(?:could|might|will|would) (?:\w+ )?(?:kill|hurt|stab|shoot|harm|shake|strangle) "
            r"(?:him|her|them|someone|somebody|people|everyone|my (?:baby|child|kid|son|daughter|wife|husband|mother|"
            r"father|sister|brother))\w*\b",
            r"\b(?:thoughts?|thinking|think|dream\w*|fantas\w+) (?:of|about) (?:kill|stab|shoot|hurt|strangl|harm|poison)\w*",
            r"\bthey will (?:all )?(?:be sorry|regret|pay)\b",
        ],
    },
    "emergency": {
        "medical": [
            r"\b(?:cannot|could not|not|stopped|struggl\w+ to) breath(?:e|ing)\b",
            r"\bunconscious\b|\bpass(?:ed|es|ing) out\b|\bcollapsed\b|\bunresponsive\b|\bnot wake up\b",
            r"\bchest pains?\b|\bheart attack\b|\bhaving a (?:stroke|seizure)\b|\bturning blue\b",
            r"\bbleed(?:s|ing)?\b[^.!?]*\b(?:not stop|stop|badly|heavily|a lot|everywhere|until)\b"
            r"|\bnot stop bleeding\b|\buntil (?:it|i|my skin) bleeds?\b",
            r"\b(?:swallow\w*|took|taken|taking|ate|drank) (?:\w+ ){0,4}"
            + _PILLS
            + r"\b(?=.*\b(?:ago|all|bottle|many|whole)\b)",
        ],
    },
}
