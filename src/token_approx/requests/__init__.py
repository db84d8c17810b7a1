"""A provider's request body -> features that a linear model weighs: texts by kind, counts, image tokens."""

from .features import PARTS, TEXT_KINDS, RequestFeatures
from .formats import FORMATS, read_request
from .models import model_key

__all__ = ["FORMATS", "PARTS", "TEXT_KINDS", "RequestFeatures", "model_key", "read_request"]
