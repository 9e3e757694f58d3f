"""What the figures mean, in sentences for people who are no statisticians."""

from collections.abc import Sequence

from scripts.evaluating.phrases import counted
from scripts.evaluating.record import Point, Record, Rejected

WELL_CALIBRATED = 0.05  # of the expected calibration error: what still is near enough


def percent(share: float, digits: int = 0) -> str:
    """ "96 %"; never "100 %" or "0 %" of what is not all or nothing."""
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    if not 0.001 <= share <= 0.999:
        return "under 0.1 %" if share < 0.5 else "over 99.9 %"
    digits = digits if 0.01 <= share <= 0.99 else max(1, digits)
    return f"{share:.{digits}%}".replace("%", " %")


def span(interval: Sequence[float]) -> str:
    low, high = interval
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def headline(record: Record) -> str:
    count = record["pictures"]
    if not count:
        return "No pictures were held out, so nothing is known about how good it is."
    text = (
        f"{percent(record['accuracy'])} right on {counted(count, 'picture')} "
        f"({span(record['interval'])}); always saying “{record['majority_class']}” would be "
        f"{percent(record['majority'])}"
    )
    if record["nearest_mean"] is not None:
        text += f", nearest mean {percent(record['nearest_mean'])}"
    return f"{text}."


def nothing_learnt(record: Record) -> str | None:
    """Where chance may have made it better than one answer for all, or it isn't even better."""
    if not record["pictures"] or record["interval"][0] > record["majority"]:
        return None
    return (
        "As far as these pictures show, nothing was learnt: always giving the same answer may do "
        "as well. The labels may say nothing about what the pictures show, or the pictures may be "
        "too few."
    )


def interval(record: Record) -> str:
    text = (
        f"{counted(record['pictures'], 'picture')} can't say it exactly: among very many of the "
        f"same kind, the share would most likely (95 %) be {span(record['interval'])}."
    )
    if record["nearest_mean"] is not None:
        text += (
            " The nearest mean is the simplest way to learn: a picture is of the class whose "
            "average it is most like."
        )
    return text


def calibration(record: Record) -> str:
    error = record["calibration"]["error"]
    mean = sum(one["confidence"] for one in record["judged"]) / max(1, record["pictures"])
    off = f"on average, confidence and share of right answers differ by {100 * error:.1f} points"
    if error <= WELL_CALIBRATED:
        return f"It is right about as often as it says: {off} (expected calibration error)."
    kind = "surer" if mean > record["accuracy"] else "less sure"
    return f"It is {kind} than it should be: {off} (expected calibration error)."


def curve(points: Sequence[Point]) -> str | None:
    """What the last step suggests; None where there is none."""
    if len(points) < 2:
        return None
    before, last = points[-2:]
    rise = last["accuracy"] - before["accuracy"]
    step = f"from {before['pictures']:,g} to {last['pictures']:,g} pictures a class"
    chance = f"repetitions differed by {100 * last['deviation']:.1f}"
    if rise > last["deviation"]:
        return (
            f"More pictures would probably still help: {step} it gained {100 * rise:.1f} points, "
            f"while {chance}."
        )
    return (
        f"More pictures of the same kind would probably help little: {step} it changed by "
        f"{100 * rise:+.1f} points, and {chance}. Other kinds of pictures still may."
    )


def none_of_these(rejected: Rejected | None) -> str | None:
    if rejected is None:
        return None
    return (
        f"The model also says how unlike its classes a picture is, and from a threshold on judges "
        f"it to be of none of them. Of "
        f"{rejected['pictures']} pictures of its own classes it wrongly judges "
        f"{percent(rejected['share'])} so ({span(rejected['interval'])}). Something quite "
        "different is recognised well; another kind of the same thing often is not."
    )
