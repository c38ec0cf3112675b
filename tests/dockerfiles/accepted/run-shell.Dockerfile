FROM scratch AS made
RUN set -e; \
    # install
    echo "two  blanks"
FROM scratch AS check
