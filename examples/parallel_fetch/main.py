"""parallel_fetch: ask several servers at once, and follow links with a limit.

1. Three requests in parallel: a task for each. One of them fails, and the failure is raised where its result is asked.
2. Three requests of which the first that fails stops the others, and is raised: a group.
3. A crawler: a task for each page, at most two at once. Which pages are known is the business of main alone, which
   hears of links over a channel, so no lock is needed. (The pages are a table; a sleep stands for the network.)
"""

import gort


def fetch(api: int) -> None:
    print(f"Fetching: API-{api}")
    gort.sleep(0.005)
    if api == 2:
        raise gort.TimedOut("no answer")


def three_requests() -> None:
    tasks = {api: gort.go(fetch, api) for api in (1, 2, 3)}
    for api, task in tasks.items():
        try:
            task.result()
            print(f"Done: API-{api} GORT_OK")
        except gort.TimedOut:
            print(f"Done: API-{api} GORT_TIMED_OUT")
    print("All API calls finished!")


def request(api: int) -> None:
    if api == 2:
        raise gort.TimedOut("no answer")
    try:
        gort.sleep(3600)  # a slow server
    except gort.TaskCanceled:
        print(f"Group: API-{api} GORT_CANCELED")
        raise


def all_or_nothing() -> None:
    try:
        with gort.Group() as group:
            for api in (1, 2, 3):
                group.go(request, api)
    except gort.TimedOut:
        print("The group ended with GORT_TIMED_OUT")


AT_ONCE = 2

# The links of each page.
SITE = {1: [2, 3], 2: [1, 4], 3: [4, 5, 6], 4: [7], 5: [1], 6: [5, 7], 7: [3]}


def visit(page: int, places: gort.Channel[None], found: gort.Sender[int]) -> None:
    places.send(None)  # at most AT_ONCE tasks are past this line
    gort.sleep(0.001)
    places.recv()
    found.send(page)


def crawl(start: int) -> None:
    places = gort.Channel[None](AT_ONCE)
    found = gort.Channel[int]()
    known = {start}
    under_way = 1
    gort.go(visit, start, places, found.sender)
    while under_way:
        page = found.recv()
        under_way -= 1
        print(f"crawled page {page}")
        for link in SITE[page]:
            if link not in known:
                known.add(link)
                under_way += 1
                gort.go(visit, link, places, found.sender)
    print(f"{len(known)} pages, each once")


def main() -> None:
    three_requests()
    all_or_nothing()
    crawl(1)


if __name__ == "__main__":
    gort.run(main)

# As in Go, where errgroup is that group.
