"""Forms of workload trusts: one for each platform, in its own words, and what they share."""

from workloads.forms.base import TokenForm, TrustForm
from workloads.forms.platforms import OtherForm, form_of

__all__ = ["OtherForm", "TokenForm", "TrustForm", "form_of"]
