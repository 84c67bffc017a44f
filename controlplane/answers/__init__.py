"""Desired state -> the XML that FreeSWITCH asks for, and the cache that keeps it at hand."""

from controlplane.answers.answer import Answer, Explanation, Row
from controlplane.answers.answers import Answers
from controlplane.answers.errors import AnswerError, BadLookup, Unanswerable, Unwritable
from controlplane.answers.ledger import Ledger
from controlplane.answers.question import Question, read

__all__ = [
    "Answer",
    "AnswerError",
    "Answers",
    "BadLookup",
    "Explanation",
    "Ledger",
    "Question",
    "Row",
    "Unanswerable",
    "Unwritable",
    "read",
]
