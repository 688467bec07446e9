"""Real processes under a seeded killer and a fault proxy, and a judge that believes neither them nor us."""
