"""Teach a model: from folders of pictures to an archive of their classes, and a report.

The pictures are described by the network of an archive that is there already, exactly as the
service sees them; what is learnt is a classifier of these descriptions, in seconds. An option that
is not given is read from the environment variable of its name (--data: DATA).
"""

import argparse
import os
import sys
from collections.abc import Sequence

from scripts.evaluating.pictures import NotLabelled
from scripts.serving.variables import BadSetting, add_options
from scripts.teaching.lesson import Lesson

REFUSED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser, Lesson)
    options = parser.parse_args(arguments)
    try:
        lesson = Lesson.of(os.environ, options)
        # Not before somebody teaches: importing scikit-learn takes a second.
        from client.errors import ServiceError
        from scripts.evaluating.model import BadArchive
        from scripts.teaching.course import Busy, teach
        from scripts.teaching.looking import TooFew

        teach(lesson)
    except KeyboardInterrupt:  # before the others: it may come while their names are imported
        print("\nteach: stopped; no archive is written", file=sys.stderr)
        return 130
    except BadSetting as error:
        return _refused(error)
    except (NotLabelled, TooFew, BadArchive, Busy, ServiceError, ValueError) as error:
        return _refused(error)
    except OSError as error:
        return _refused(f"{error.filename or lesson.folder}: {error.strerror or error}")
    return 0


def _refused(error: object) -> int:
    print(f"teach: {error}", file=sys.stderr)
    return REFUSED
