"""From photos and videos of one person to the faces to know that person by. `enrolment` is the story."""
