"""BioBERT for spaCy: a transformer encoder with biomedical heads on it.

Importing this package loads neither torch nor transformers; spaCy finds the components through their entry points.
"""

from .extensions import register_extensions

__all__ = ["register_extensions"]
__version__ = "0.1.0"
