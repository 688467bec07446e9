"""The patient's pages: the same operations as the interface's, drawn as HTML. Without JavaScript they are plain forms."""

from services.gateway.pages.adding import add_pages

__all__ = ["add_pages"]
