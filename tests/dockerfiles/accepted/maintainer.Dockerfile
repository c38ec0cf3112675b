FROM scratch
MAINTAINER Somebody's Name <a@example.org>
