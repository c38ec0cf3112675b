FROM scratch
ADD --chown=1:1 a b /srv/
