"""Warnings of the libraries below are for developers; they would tear the live view."""

import sys
import warnings


def quiet() -> None:
    """Ignore them, unless Python was told what to do with warnings."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
