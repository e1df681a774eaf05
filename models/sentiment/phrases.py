"""Sentences to learn from: clauses about things people buy, eat, watch and visit, put together.

The sentences that judge the model, in ``held_out.csv``, were written one by one. They share no
sentence and no frame with these; an everyday phrase ("I recommend it") may occur in both.
"""

import numpy as np

from models.sentiment import lexicon

LABELS = ("negative", "positive")

_THINGS = (
    "the battery", "the screen", "the keyboard", "the camera", "this phone", "the charger", "the app",
    "the film", "the plot", "the ending", "the acting", "the book", "the story", "the music", "the concert",
    "the food", "the soup", "the coffee", "the pizza", "the dessert", "the bread", "the wine", "the service",
    "the staff", "the waiter", "the room", "the bed", "the hotel", "the view", "the breakfast", "the shower",
    "the delivery", "the packaging", "the jacket", "the fabric", "the fit", "the zip", "the shoes", "the price",
    "the quality", "the manual", "the support", "the course", "the teacher", "the tour", "the flight", "the train",
    "the seat", "the museum", "the garden", "the game", "the update", "the website", "the sound", "the design",
)  # fmt: skip
_GOOD = (
    "great", "good", "excellent", "wonderful", "superb", "lovely", "fantastic", "brilliant", "perfect", "amazing",
    "delightful", "impressive", "pleasant", "reliable", "comfortable", "beautiful", "solid", "outstanding", "charming",
    "delicious", "friendly", "helpful", "fast", "quick", "clear", "fun", "enjoyable", "fresh", "clean", "smooth",
    "generous", "warm", "quiet", "easy to use", "well made", "worth every penny", "top notch", "a joy", "a pleasure",
    "a treat", "nice", "fine", "tasty", "useful", "sturdy", "elegant", "moving", "gripping", "funny", "exciting",
    "thoughtful", "polite", "spotless", "cosy", "bright", "sharp", "accurate", "fair", "a bargain", "a delight",
)  # fmt: skip
_BAD = (
    "terrible", "bad", "awful", "poor", "horrible", "dreadful", "disappointing", "boring", "dull", "useless", "broken",
    "slow", "rude", "bland", "noisy", "dirty", "flimsy", "confusing", "annoying", "overpriced", "uncomfortable",
    "faulty", "stale", "cold", "late", "unreliable", "disgusting", "unfriendly", "cheap looking", "a mess", "a joke",
    "a waste of money", "a disaster", "a letdown", "badly made", "hard to use", "worse than expected", "mediocre",
    "clumsy", "tasteless", "ugly", "damp", "cramped", "shabby", "scratched", "lifeless", "predictable", "tedious",
    "painful", "unhelpful", "impolite", "smelly", "blurry", "weak", "unfair", "a nuisance", "greasy", "burnt",
)  # fmt: skip
_MORE = (
    "very",
    "really",
    "so",
    "quite",
    "truly",
    "absolutely",
    "simply",
    "rather",
    "just",
    "extremely",
    "",
)
_IS_NOT = ("isn't", "wasn't")
_DO_NOT = ("do not", "don't", "did not", "never")
_LIKE = ("love", "like", "enjoy", "recommend", "adore", "appreciate")
_DISLIKE = ("hate", "dislike", "regret", "despise", "can't stand")
_GOOD_ENDS = (
    "and I would buy it again", "so I will come back", "and it made my day", "and everyone was happy",
    "and I could not be happier", "and I recommend it to everyone", "and it still works like new", "thank you so much",
    "and worth the money", "five stars from me", "and the children loved it", "and I was pleasantly surprised",
    "and it exceeded my expectations", "and I smiled all the way", "and it works without a problem",
    "highly recommended", "and I am very satisfied", "we had a wonderful time", "and it never let me down",
    "and I have no complaints", "better than I hoped", "and it saved me a lot of time", "I am impressed",
)  # fmt: skip
_BAD_ENDS = (
    "and I want my money back", "so I will never come back", "and it ruined my day", "and everyone was unhappy",
    "and I am very disappointed", "and I would not recommend it", "and it broke after a week", "what a waste of time",
    "and not worth the money", "one star from me", "and the children cried", "and I had to send it back",
    "and nobody cared", "and it stopped working", "and it was a complete failure", "avoid it", "and I am still angry",
    "we left early", "and I had to throw it away", "and I have many complaints", "worse than I feared",
    "and it cost me a lot of time", "I expected more", "and they refused a refund", "never again",
)  # fmt: skip


def sentence(rng: np.random.Generator, label: str) -> str:
    """One sentence with this label."""
    positive = label == "positive"
    good, bad = (_GOOD, _BAD) if positive else (_BAD, _GOOD)
    thing, other = rng.choice(_THINGS, 2, replace=False)
    more = rng.choice(_MORE)
    be = rng.choice(("is", "was"))
    like, dislike = (_LIKE, _DISLIKE) if positive else (_DISLIKE, _LIKE)
    frames = (
        f"{thing} {be} {more} {rng.choice(good)}",
        f"{thing} {be} {rng.choice(good)} and {other} {be} {rng.choice(good)}",
        f"{thing} {be} {more} {rng.choice(good)} and {rng.choice(good)}",
        f"what a {rng.choice(good)} surprise: {thing} {be} {rng.choice(good)}",
        f"i {more} {rng.choice(like)} {thing}",
        f"we found {thing} {more} {rng.choice(good)}",
        f"{thing} turned out to be {rng.choice(good)}",
        f"{thing} {be} {rng.choice(('not', 'never', 'hardly', 'not at all'))} {rng.choice(bad)}",
        f"{thing} {rng.choice(_IS_NOT)} {rng.choice(bad)}",
        f"i {rng.choice(_DO_NOT)} {rng.choice(dislike)} {thing}",
    )
    clause = " ".join(str(frames[rng.integers(len(frames))]).split())
    if rng.random() < 0.5:
        clause += " " + str(rng.choice(_GOOD_ENDS if positive else _BAD_ENDS))
    return clause[0].upper() + clause[1:] + str(rng.choice((".", "!", "")))


def wide_sentence(rng: np.random.Generator, label: str) -> str:
    """One sentence with this label in the words of the lexicon, some of them turned by a "not"."""
    other = "positive" if label == "negative" else "negative"
    adjective, second = rng.choice(lexicon.words(lexicon.ADJECTIVES, label), 2, replace=False)
    verb = rng.choice(lexicon.words(lexicon.VERBS, label))
    noun, more = rng.choice(lexicon.words(lexicon.NOUNS, label), 2, replace=False)
    opposite = rng.choice(lexicon.words(lexicon.ADJECTIVES, other))
    frames = (
        f"it is {adjective} and {second}",
        f"{adjective} {rng.choice(_THINGS)}",
        f"they are {adjective}, and {rng.choice(_THINGS)} {verb}",
        f"it {verb}",
        f"full of {noun} and {more}",
        f"such {noun}",
        f"{adjective}, {second}, a {noun}",
        f"it was not {opposite}",
        f"never {opposite}",
    )
    return str(frames[rng.integers(len(frames))])


def drawn(count: int, seed: int, wide: int = 0) -> tuple[list[str], list[int]]:
    """``count`` sentences and ``wide`` more from the lexicon, and their label indices."""
    rng = np.random.default_rng([seed, 0])
    truth = [row % len(LABELS) for row in range(count + wide)]
    makers = [sentence] * count + [wide_sentence] * wide
    return [make(rng, LABELS[label]) for make, label in zip(makers, truth, strict=True)], truth
