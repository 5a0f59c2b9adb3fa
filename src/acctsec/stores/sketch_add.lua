-- Adds a digest to its page (KEYS[1]), by its cells (ARGV).

return add(KEYS[1], ARGV)
