"""The one implementation of every operation: ``async def``, awaiting nothing but injected ports."""
