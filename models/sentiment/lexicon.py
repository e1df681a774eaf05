"""Words that praise and words that complain: the wide vocabulary of ``v2``.

Adjectives follow "it is", verbs "it" or "they", nouns "full of".
"""

ADJECTIVES = {
    "positive": """
        admirable adorable affordable agreeable appetising artistic attentive attractive authentic awesome balanced
        blissful bold breathtaking calm captivating careful cheerful civilised classy clever colourful comfy compact
        competent considerate convenient convincing cool correct courteous creamy creative crisp crunchy cute dazzling
        decent dependable detailed durable dynamic eager effective efficient effortless enchanting energetic engaging
        enthusiastic exceptional exquisite fabulous fascinating faultless favourite festive first-class flavourful
        flawless flexible fluffy fragrant fruity glad glorious glowing gorgeous graceful grateful handsome handy happy
        harmonious healthy hearty heavenly hilarious honest hospitable humorous ideal imaginative immaculate inspiring
        inspired instructive intelligent interesting intuitive inventive invigorating joyful juicy kind knowledgeable
        light likeable lively long-lasting lovable loyal lucky luxurious magical magnificent marvellous masterful
        memorable modern motivating natural neat notable nutritious original painless patient peaceful phenomenal
        picturesque playful pleasing plush poetic popular powerful practical precious precise pretty priceless prompt
        proud pure quality radiant reasonable refreshing relaxed relaxing remarkable resilient respectful responsive
        restful rewarding rich romantic roomy safe satisfied satisfying scenic secure sensational sensible silky simple
        sincere skilful smart snug soft soothing spacious spectacular splendid stable stellar stimulating stunning
        stylish sublime successful suitable sunny superior supportive surprising sweet talented tender terrific thankful
        thorough thrilling tidy timeless tranquil trustworthy unforgettable unique upbeat uplifting valuable versatile
        vibrant welcoming well-organised wise witty wonderful worthwhile yummy
    """,
    "negative": """
        absurd abysmal aggressive amateurish angry appalling arrogant artificial ashamed atrocious awkward banal barren
        bitter bleak bloated blunt bogus brittle buggy bulky bumpy careless chaotic chewy cheap childish chilly clogged
        clueless coarse complicated condescending corny corrupt costly cracked crap crappy creaky creepy crooked crowded
        crude cruel damaged dangerous dead deaf deceitful deceptive defective deficient deplorable depressing dim dingy
        disastrous disgraceful dishonest dismal disorganised disrespectful distasteful distorted distressing drab dreary
        dry dubious dumb dusty embarrassing empty endless erratic excessive expensive faded fake false fatty fragile
        frail fraudulent frozen frustrated frustrating furious gloomy greedy grim grubby gruesome hard harmful harsh
        hateful hazardous heartless heavy hideous hollow hopeless hostile humiliating hurtful ignorant illegible
        impatient impersonal impossible impractical inaccurate inadequate incapable incompetent incomplete inconsistent
        inconvenient inedible inefficient inferior insulting intolerable intrusive irrelevant irritating itchy jammed
        jarring laggy lame lazy leaky limp loose lousy lumpy malfunctioning meaningless miserable misleading missing
        mistaken monotonous mouldy muddled muddy murky nasty naughty nauseating negligent nightmarish obsolete odd
        offensive oily outdated outrageous overcooked overcrowded overheated overrated pathetic patronising pitiful
        pointless pretentious problematic pushy questionable raw reckless repetitive repulsive ridiculous rotten rough
        rusty sad salty scandalous scary senseless shallow shameful shocking short sick silly sloppy sluggish soggy sore
        sour spiteful spoiled squeaky stained sticky stiff stressful stuck stuffy stupid sub-standard substandard suspect
        tacky tangled tired tiresome torn torturous toxic tragic trashy tricky trivial troublesome unacceptable
        unappealing unattractive unavailable unbearable unclean unclear undercooked uneven unhappy unhealthy unhygienic
        uninspired unprepared unprofessional unresponsive unsafe unstable unsuitable untidy unusable unwelcome
        unwilling upset upsetting vague vile vulgar wasted wasteful weird wet wobbly woeful worn worse worst worthless
        wrecked wretched wrong
    """,
}
VERBS = {
    "positive": """
        amazed charmed delighted delivered dazzled entertained excelled fascinated fits flourished glows helped helps
        impressed improved inspired lasted lasts outperformed pleased rocks saved sparkled succeeded supported surpassed
        shines sings solved thrilled thrived triumphed won works worked
    """,
    "negative": """
        annoyed bored broke burned burst cheated choked clogged collapsed complained cracked crashed cried crumbled
        deceived deteriorated died disappeared disappointed disgusted drained dragged exploded fails failed faded faltered
        fell flickers flopped forgot freezes frustrated hurts hurt ignored insulted irritated jammed jams lags leaked
        leaks lied lost malfunctioned melted misled overcharged overheats peeled perished rattles refused rips ripped
        ruined rusted scammed scratched shattered shrank sinks smells snapped spilled spoiled spoilt stank stinks stole
        stopped struggled stumbled suffered sucks tore vanished vibrates wobbles
    """,
}
NOUNS = {
    "positive": """
        beauty blessing bliss brilliance charm cheers comfort compliments delight elegance enthusiasm excellence favourite
        flavour fun gem gift grace gratitude happiness harmony heaven highlight hospitality humour imagination jewel joy
        kindness laughs laughter love luxury magic marvel masterpiece miracle paradise passion peace perfection pleasure
        praise quality relief respect smiles spirit style success support surprise talent thanks treasure treat triumph
        value warmth wit wonder winner
    """,
    "negative": """
        abuse adverts anger anxiety apathy arrogance blisters boredom bugs bumps chaos cheat complaint complaints
        confusion contempt cockroaches cracks crash damage danger debris deceit defects delay delays despair dirt
        disappointment disaster discomfort disgrace disgust dust embarrassment errors excuses failure failures fault
        faults filth flaws flies fraud frustration garbage grease hair headache headaches holes horror hype injury
        insects insult junk lag leaks lies loss mess mice mistake mistakes misery mould nausea neglect nightmare noise
        nonsense nuisance pain pests problem problems queue queues rage rash rats refund regret ripoff rubbish rust scam
        scratches shame smoke sorrow stains stench stress tears terror theft trash trouble ugliness violence waste worry
    """,
}


def words(lists: dict[str, str], label: str) -> tuple[str, ...]:
    """One list's words for a label, in order and each once."""
    return tuple(dict.fromkeys(lists[label].split()))
