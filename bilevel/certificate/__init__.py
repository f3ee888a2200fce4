"""Certificates: claims as small JSON data, checked again by exact arithmetic without SymPy."""

from bilevel.certificate.checker import check, check_text, known_kinds
from bilevel.certificate.errors import CertificateBudget, CertificateError, Result

__all__ = ["CertificateBudget", "CertificateError", "Result", "check", "check_text", "known_kinds"]
