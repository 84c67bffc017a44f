"""What can go wrong while a lookup is answered.

AnswerError
├── BadLookup      the request is no lookup: nothing can be told from it (HTTP 400)
├── Unanswerable   the desired state cannot be read now, and no valid answer is held (HTTP 503)
└── Unwritable     a stored value that the switch could not be given as typed (refused at write
                   time, so this is a defect or a database changed by hand; HTTP 503)
"""


class AnswerError(Exception):
    """Any reason for which a lookup gets no XML."""


class BadLookup(AnswerError):  # noqa: N818 - what happened, not what it is
    """The request does not have the form that mod_xml_curl gives every lookup."""


class Unanswerable(AnswerError):  # noqa: N818 - what happened, not what it is
    """What the node should be told is not known at the moment; its next binding or files may know."""


class Unwritable(AnswerError, ValueError):  # noqa: N818 - what happened, not what it is
    """No XML carries this text through FreeSWITCH's preprocessor and parser unchanged."""
