-- How often a digest was added to its page (KEYS[1]), by its cells (ARGV).

return count(KEYS[1], ARGV)
