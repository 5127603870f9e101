/*
 * A team of threads for large layers. Workers wait for work by spinning for a short while, since the ops of a step
 * follow one another within microseconds, and then sleep, so that an idle network costs nothing and a busy machine
 * is not made busier.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdlib.h>

#include "quern.h"
#include "system.h"

enum { SPINS = 4000 };

struct Pool {
    int threads;
    pthread_t *worker;
    void (*work)(void *, int, int);
    void *argument;
    atomic_uint generation; /* counts calls of run */
    atomic_int busy;        /* workers that have not finished the current call */
    atomic_int closing;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int sleepers; /* under the mutex */
};

typedef struct {
    Pool *pool;
    int index;
} Member;

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static unsigned await(Pool *pool, unsigned seen) {
    for (int i = 0; i < SPINS; i++) {
        unsigned now = atomic_load_explicit(&pool->generation, memory_order_acquire);
        if (now != seen) {
            return now;
        }
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    pool->sleepers++;
    unsigned now;
    while ((now = atomic_load(&pool->generation)) == seen) {
        pthread_cond_wait(&pool->wake, &pool->mutex);
    }
    pool->sleepers--;
    pthread_mutex_unlock(&pool->mutex);
    return now;
}

static void *serve(void *argument) {
    Member member = *(Member *)argument;
    free(argument);
    Pool *pool = member.pool;
    unsigned seen = 0;
    quern_flush_subnormals(); /* as whoever calls run has done, for equal bits */
    for (;;) {
        seen = await(pool, seen);
        if (atomic_load(&pool->closing)) {
            return NULL;
        }
        pool->work(pool->argument, member.index, pool->threads);
        atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_release);
    }
}

static void announce(Pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->generation, 1);
    if (pool->sleepers > 0) {
        pthread_cond_broadcast(&pool->wake);
    }
    pthread_mutex_unlock(&pool->mutex);
}

Pool *quern_pool_open(int threads) {
    Pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        return NULL;
    }
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->worker = calloc((size_t)threads, sizeof *pool->worker);
    pool->threads = 1;
    for (int i = 1; pool->worker != NULL && i < threads; i++) {
        Member *member = malloc(sizeof *member);
        if (member == NULL) {
            break;
        }
        *member = (Member){pool, i};
        if (pthread_create(&pool->worker[i], NULL, serve, member) != 0) {
            free(member);
            break; /* fewer threads do the same work */
        }
        pool->threads = i + 1;
    }
    return pool;
}

int quern_pool_threads(const Pool *pool) { return pool->threads; }

void quern_pool_run(Pool *pool, void (*work)(void *, int, int), void *argument) {
    pool->work = work;
    pool->argument = argument;
    atomic_store(&pool->busy, pool->threads - 1);
    announce(pool);
    work(argument, 0, pool->threads);
    for (int i = 0; atomic_load_explicit(&pool->busy, memory_order_acquire) > 0; i++) {
        if (i < SPINS) {
            relax();
        } else {
            sched_yield(); /* a worker may need this core to finish */
        }
    }
}

void quern_pool_close(Pool *pool) {
    if (pool == NULL) {
        return;
    }
    atomic_store(&pool->closing, 1);
    announce(pool);
    for (int i = 1; i < pool->threads; i++) {
        pthread_join(pool->worker[i], NULL);
    }
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->wake);
    free(pool->worker);
    free(pool);
}
