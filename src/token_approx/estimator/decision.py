"""What is said of a limit: the answer, the step that could tell, and why."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, Self

Answer = Literal["fits", "exceeds", "ask"]
Step = Literal["bytes", "bound", "exact", "ask"]


class Known(NamedTuple):
    """The least and the most tokens that there can be, and what they rest on, in a few words."""

    least: float
    most: float
    reason: str = ""


class Decision(str):
    """`fits`, `exceeds` or `ask`: a plain string that also says which step decided, and why.

    `step` is the first of four that could tell: `bytes` (no text of so many bytes has more tokens), `bound`
    (the measured bounds), `exact` (an exact tokenizer that is installed), or `ask`, where none could and the
    provider is to be asked. `reason` has it in words.

    >>> decision = Decision("fits", "bytes", "its 2 bytes cannot have more than 2 tokens")
    >>> decision == "fits", decision.step
    (True, 'bytes')
    """

    __slots__ = ("reason", "step")
    step: Step
    reason: str

    def __new__(cls, answer: Answer, step: Step, reason: str = "") -> Self:
        """Make the string, with the step that decided and the reason."""
        made = super().__new__(cls, answer)
        made.step, made.reason = step, reason
        return made

    def __reduce__(self) -> tuple[type["Decision"], tuple[str, str, str]]:
        """Return how a copy is made."""
        return type(self), (str(self), self.step, self.reason)


def decided(limit: float, steps: Iterable[tuple[Step, Callable[[], Known]]]) -> Decision:
    """Return what the first step that can tell says of a limit; later ones are not even computed."""
    reason = ""
    for step, find in steps:
        known = find()
        if known.most <= limit:
            return Decision("fits", step, known.reason)
        if known.least > limit:
            return Decision("exceeds", step, known.reason)
        reason = known.reason
    return Decision("ask", "ask", reason)
