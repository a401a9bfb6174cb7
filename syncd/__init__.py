"""syncd keeps an ERP or CRM and Flowtly the same, in both directions."""

__version__ = "0.1.0"
