"""A class of practice boxes on a swarm: one for each student, and a gateway to them.

from container_magics.classroom import classroom
unix = classroom("unix-101", "roster.csv")
unix.start()
"""

from container_magics.classroom.rehearsal import PracticeSwarm as PracticeSwarm
from container_magics.classroom.rehearsal import practice_swarm as practice_swarm
from container_magics.classroom.verbs import Classroom as Classroom
from container_magics.classroom.verbs import classroom as classroom
