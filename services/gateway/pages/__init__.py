"""The patient's pages: the interface's own operations drawn as HTML; without JavaScript they are plain forms."""

from services.gateway.pages.adding import add_pages

__all__ = ["add_pages"]
