"""Words of invented companies and technologies, with their weights. Plain data."""

from __future__ import annotations

FIRST = (
    "alder", "amber", "apex", "arc", "aster", "atlas", "aura", "basalt", "beacon", "birch",
    "bolt", "bright", "cedar", "cinder", "cirrus", "clear", "cobalt", "copper", "coral", "crest",
    "cross", "dawn", "delta", "drift", "east", "echo", "elm", "ember", "ever", "falcon", "fern",
    "field", "fjord", "flint", "forge", "fox", "frost", "gale", "glade", "grand", "granite",
    "green", "grove", "harbor", "hazel", "helio", "high", "iron", "isle", "ivy", "juniper",
    "keystone", "lake", "lark", "laurel", "linden", "lumen", "lunar", "maple", "marble", "meadow",
    "metro", "mira", "mono", "moss", "nimbus", "north", "nova", "oak", "obsidian", "onyx", "opal",
    "orbit", "otter", "palm", "pearl", "pine", "polar", "prime", "pulse", "quartz", "quill",
    "rapid", "raven", "red", "ridge", "river", "rose", "rowan", "ruby", "sable", "sage", "salt",
    "silver", "slate", "solar", "south", "spruce", "stellar", "sterling", "stone", "summit",
    "sun", "swift", "terra", "thistle", "tidal", "timber", "topaz", "true", "tundra", "umber",
    "union", "upper", "valley", "vector", "vela", "verde", "vertex", "violet", "vivid", "wave",
    "west", "wild", "willow", "winter", "wren", "zenith",
)  # fmt: skip
SECOND = (
    "analytics", "apparel", "audio", "bank", "bikes", "biotech", "books", "brands", "cargo",
    "care", "clinic", "cloud", "coffee", "commerce", "consulting", "data", "dental", "design",
    "digital", "dynamics", "energy", "engineering", "events", "export", "fashion", "finance",
    "fitness", "foods", "freight", "furniture", "games", "gardens", "gear", "goods", "group",
    "health", "holdings", "homes", "hotels", "insurance", "interiors", "kitchens", "labs",
    "legal", "lighting", "logistics", "market", "media", "medical", "metals", "mobility",
    "motors", "music", "networks", "optics", "outdoor", "paper", "partners", "pay", "pharma",
    "photo", "plastics", "power", "press", "print", "properties", "realty", "records", "rentals",
    "robotics", "schools", "security", "services", "shipping", "shop", "software", "solar",
    "sports", "studio", "supply", "systems", "tech", "textiles", "tools", "toys", "trade",
    "training", "transport", "travel", "ventures", "vision", "water", "wines", "works",
)  # fmt: skip
LEGAL_FORMS = ("", "", "Inc.", "Ltd", "GmbH", "LLC", "S.A.", "B.V.")

COUNTRIES = (
    ("US", "us", 310), ("GB", "co.uk", 90), ("DE", "de", 85), ("FR", "fr", 60), ("CA", "ca", 50),
    ("NL", "nl", 40), ("AU", "com.au", 40), ("IN", "in", 38), ("ES", "es", 35), ("IT", "it", 35),
    ("BR", "com.br", 32), ("JP", "jp", 30), ("SE", "se", 22), ("PL", "pl", 22), ("CH", "ch", 20),
    ("BE", "be", 16), ("AT", "at", 14), ("DK", "dk", 14), ("NO", "no", 12), ("FI", "fi", 10),
    ("IE", "ie", 10), ("PT", "pt", 9), ("CZ", "cz", 9), ("MX", "mx", 9), ("ZA", "co.za", 8),
    ("SG", "sg", 8), ("NZ", "co.nz", 7), ("KR", "kr", 7), ("TR", "com.tr", 6), ("RO", "ro", 5),
)  # fmt: skip
"""Code, suffix of national domains, weight."""

INDUSTRIES = (
    "Software", "Retail", "Financial services", "Manufacturing", "Health care", "Consulting",
    "Education", "Media", "Logistics", "Real estate", "Hospitality", "Construction",
    "Telecommunications", "Energy", "Automotive", "Insurance", "Food and beverages",
    "Legal services", "Non-profit", "Agriculture", "Biotechnology", "Travel", "Fashion", "Gaming",
    "Security", "Chemicals", "Aerospace", "Public sector", "Sports", "Utilities",
)  # fmt: skip
EMPLOYEE_RANGES = (
    ("1-10", 380), ("11-50", 300), ("51-200", 170), ("201-500", 70), ("501-1000", 35),
    ("1001-5000", 30), ("5001-10000", 9), ("10001+", 6),
)  # fmt: skip
CATEGORIES = (
    "Analytics", "JavaScript libraries", "Content delivery", "Tag managers", "CMS", "Ecommerce",
    "Web servers", "Advertising", "Fonts", "Live chat", "Marketing automation", "Payment",
    "JavaScript frameworks", "Security", "Hosting", "A/B testing", "Video players", "Maps",
    "Search", "Consent", "Email", "Blogs", "UI frameworks", "Databases", "Reviews", "Monitoring",
    "Forms", "Caching", "Accessibility", "Widgets", "Programming languages", "Translation",
    "Customer data", "Scheduling", "Comments", "Surveys", "Affiliates", "Personalisation",
    "Feature flags", "Wikis",
)  # fmt: skip
TITLES = (
    "Backend Engineer", "Frontend Developer", "Data Analyst", "Product Manager",
    "Account Executive", "Site Reliability Engineer", "Marketing Manager", "Support Engineer",
    "UX Designer", "Recruiter",
)  # fmt: skip
