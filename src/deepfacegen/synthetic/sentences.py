"""The texts of the sample people: plain sentences about nothing in particular, all about as long."""

from __future__ import annotations

import re

_TEXT = """
The boats came back before the rain began. We left the window open for most of the night. A small dog was
waiting by the bakery door. Nobody remembered where the ladder had been put. The train was late, but the
platform was pleasant. She keeps her seeds in an old biscuit tin. Two lanterns hung above the kitchen table.
He counted the steps on the way down to the harbour. The letter arrived with a torn blue stamp. In the morning
the valley was full of fog. There is a shorter path behind the mill. The soup needs salt and a little more
time. They painted the fence yellow last summer. Every drawer in the desk was empty but one. My brother plays
the cello on Thursdays. The market closes when the church bell rings. A heavy cloud moved slowly over the
ridge. The bicycle squeaks whenever it turns left. We bought pears, walnuts and a loaf of bread. The museum
has a room with nothing but clocks. He folded the map and put it in his pocket. The kettle was whistling, and
no one got up. Her garden runs all the way to the river. The road was closed, so we walked along the beach. An
owl lives in the tower of the town hall. They promised to return the book by Monday. The new bridge is
narrower than the old one. I found three buttons under the carpet. The teacher drew a circle and then a
square. Most of the apples had fallen during the storm. The baker opens early and goes home at noon. A red
kite was caught in the highest branches. The children built a castle out of wet sand. We could hear music from
across the lake. The coffee was cold by the time he came. Somebody had drawn a whale on the garage door. The
last bus leaves at a quarter to eleven. Her shoes were green and much too large. There were seven chairs and
only five guests. The snow stayed on the roof until April. He mended the radio with a piece of wire. The ferry
turns around at the second island. Please hang the wet coats beside the stove. The picture shows a farm, a
pond and a plough. A warm wind blew dust across the square. The tailor asked us to come again next week. We
measured the room twice and still got it wrong. The moon rose just above the chimney pots. An old song was
playing in the waiting room. The postman knows the name of every cat. They moved the piano with ropes and a
cart. The lamp by the stairs goes out on its own. He wrote the number on the back of his hand. The plums will
be ready in about nine days. A narrow stream crosses the lower meadow. The shop sells paper, thread and
fishing line. We watched the geese fly south all afternoon. The floor was washed and smelled of lemon. Her
uncle repairs violins and wooden toys. The gate is locked, but the wall is low. A thin layer of ice covered
the bucket. The choir rehearses in the hall above the school. They planted beans along the southern wall. The
glass fell off the shelf without breaking.
"""
SENTENCES = tuple(re.split(r"(?<=\.)\s+", " ".join(_TEXT.split())))
