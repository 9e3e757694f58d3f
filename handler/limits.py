"""How much work and memory one picture may cost: every bound, its unit and its reason."""

# Pixels of a picture. A 48-megapixel phone passes; as RGB that is 150 MB.
MAX_PIXELS = 50_000_000

# Pixels that a decoder goes over. Progressive JPEGs go over theirs about ten times, crafted ones
# thousands of times.
MAX_SCANNED_PIXELS = 20 * MAX_PIXELS

# Pixels. Larger pictures are preprocessed one at a time: each takes up to 18 bytes per pixel.
MAX_CONCURRENT_PIXELS = 12_500_000

# Pixels that are converted to another mode at a time, so that no third copy is in memory.
MAX_BAND_PIXELS = 4_000_000

# Pieces of a file (chunks, segments, tags), each of which Pillow reads in Python. Real pictures
# have dozens; a file of 5 MB can have so many that reading them takes seconds.
MAX_PIECES = 5_000

# The same for sub-blocks of GIF, of at most 255 bytes: a harmless comment of 5 MB has 20,000.
MAX_GIF_BLOCKS = 5 * MAX_PIECES

# Pages of a TIFF that are looked through for one that is no thumbnail.
MAX_TIFF_PAGES = 16

# Pixels of a TIFF's tile, for which the decoder takes memory whole. They may go beyond the picture.
MAX_TILE_PIXELS = 16_000_000
