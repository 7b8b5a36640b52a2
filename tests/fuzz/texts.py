"""Ways to spoil what JSON says. All of it follows from a `random.Random`."""

import copy


def places(value):
    """The objects and lists in JSON, each of which a part can be changed of."""
    if isinstance(value, (dict, list)) and value:
        yield value
        for part in value.values() if isinstance(value, dict) else value[:5]:
            yield from places(part)


def odd_text(random, text, values, keys, others):
    """`text` with up to three changes: odd values, parts of other texts, other keys, less."""

    def odd():
        # A copy: what is changed in it later is not to last.
        return copy.deepcopy(random.choice(values))

    for _ in range(random.choice((1, 1, 2, 3))):
        inner = random.choice(list(places(text)) or [{"": 0}])
        key = random.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
        kind = random.randrange(6)
        if kind == 0:
            del inner[key]
        elif kind == 1 and isinstance(inner, dict):
            inner[random.choice(keys)] = odd()
        elif kind == 2 and type(inner[key]) is int:
            inner[key] += random.choice((-1, 1, 2**32))
        elif kind == 3:
            inner[key] = random.choice(list(places(copy.deepcopy(random.choice(others)))))
        elif kind == 4:
            inner[key] = [inner[key]]
        else:
            inner[key] = odd()
    return text
