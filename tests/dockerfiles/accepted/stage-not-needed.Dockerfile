FROM scratch AS broken
ENV A="open
STOPSIGNAL NONE
EXPOSE many
FROM scratch
