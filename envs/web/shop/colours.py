"""WebShop's normal form of colours: of `navy blue` only `blue` counts."""

from __future__ import annotations

_LIST = """
    alabaster apricot aqua ash asphalt azure banana beige black blue blush bordeaux bronze brown burgundy camel camo
    caramel champagne charcoal cheetah chestnut chocolate christmas coffee cognac copper coral cranberry cream crystal
    dark denim eggplant elephant espresso fuchsia gold granite grape graphite grass gray green grey heather indigo ivory
    ivy khaki lavender lemon leopard light lilac lime magenta maroon mauve merlot midnight mint mocha multicolor
    mushroom mustard natural navy nude olive orange peach pewter pink plum purple rainbow red rose royal rust sand
    sapphire seashell silver skull slate steel stone stonewash sunflower tan taupe teal tiger turquoise violet walnut
    wheat white wine yellow
"""
COLOURS = tuple(_LIST.split())
"""In the order in which they are looked for."""


def normal(option: str) -> str:
    """The first of `COLOURS` that is part of an option, as letters, not as a word; the option itself without one.

    That letters count is WebShop's rule: `standard` is `tan`, too.
    """
    return next((colour for colour in COLOURS if colour in option), option)
