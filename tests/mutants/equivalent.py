"""Generated faults that change nothing anybody can see, each with why. Not counted; everything else is."""

from __future__ import annotations

from typing import Final

# (module, what the generator says, which of several alike in the module) -> why.
EQUIVALENT: Final[dict[tuple[str, str, int], str]] = {
    ("policy", "compared otherwise: external > flowtly", 1): "equal times have been answered with nobody before",
    ("order", "list: sorted(refers_to)", 1): "what is ready together is sorted again before it is given out",
    ("order", "list: sorted(set(refers_to[name]) - {name})", 1): "as above; a circle may only begin elsewhere",
}
