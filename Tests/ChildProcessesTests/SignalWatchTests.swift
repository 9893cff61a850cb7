import ChildProcesses
import Foundation
import Synchronization
import Testing

extension ChildProcessesTests {
    /// Each in a process of its own, since signals concern all threads.
    @Suite("Watching signals")
    struct SignalWatchTests {
        @Test("Signals sent to the process arrive as values, even with threads that came before")
        func delivers() async {
            await #expect(processExitsWith: .success) {
                let seen = Mutex<[WatchedSignal]>([])
                let watch = try SignalWatch.start { signal in seen.withLock { $0.append(signal) } }
                for (number, signal) in [SIGUSR1, SIGTERM, SIGINT, SIGTERM].enumerated() {
                    kill(getpid(), signal)
                    #expect(eventually { seen.withLock(\.count) == number + 1 })
                }
                #expect(seen.withLock(\.self) == [.user1, .terminate, .interrupt, .terminate])
                watch.stop()
            }
        }

        @Test("The watching thread delivers what a thread started afterwards has blocked")
        func blocksLaterThreads() async {
            await #expect(processExitsWith: .success) {
                let seen = Flag()
                var none = sigset_t()
                sigemptyset(&none)
                pthread_sigmask(SIG_SETMASK, &none, nil)
                _ = try SignalWatch.start([.user1]) { _ in seen.set() }
                let isBlocked = Mutex<Bool?>(nil)
                let thread = Thread {
                    var set = sigset_t()
                    pthread_sigmask(SIG_BLOCK, nil, &set)
                    isBlocked.withLock { $0 = sigismember(&set, SIGUSR1) == 1 }
                }
                thread.start()
                #expect(eventually { isBlocked.withLock(\.self) == true })
                kill(getpid(), SIGUSR1)
                #expect(eventually { seen.isSet })
            }
        }

        @Test("A process has one watch at a time, and another after it has stopped")
        func oneAtATime() async {
            await #expect(processExitsWith: .success) {
                let first = try SignalWatch.start { _ in }
                #expect(throws: ChildProcessError.signalsAlreadyWatched) {
                    try SignalWatch.start { _ in }
                }
                first.stop()
                first.stop()
                let seen = Flag()
                let second = try SignalWatch.start([.terminate]) { _ in seen.set() }
                first.stop()
                kill(getpid(), SIGTERM)
                #expect(eventually { seen.isSet })
                second.stop()
            }
        }

        @Test("A signal that the launcher ignored stays ignored")
        func ignoredStays() async {
            await #expect(processExitsWith: .success) {
                signal(SIGINT, SIG_IGN)
                let seen = Mutex<[WatchedSignal]>([])
                let watch = try SignalWatch.start { signal in seen.withLock { $0.append(signal) } }
                kill(getpid(), SIGINT)
                kill(getpid(), SIGTERM)
                #expect(eventually { !seen.withLock(\.isEmpty) })
                usleep(20_000)
                #expect(seen.withLock(\.self) == [.terminate])
                watch.stop()
            }
        }

        @Test("After the watch has stopped a signal ends the process as before")
        func stopRestores() async {
            await #expect(processExitsWith: .signal(SIGTERM)) {
                let watch = try SignalWatch.start { _ in }
                watch.stop()
                kill(getpid(), SIGTERM)
                sleep(20)
            }
        }

        @Test("A signal that arrives after the stop has its effect on a thread that blocks it")
        func stopRestoresForBlockedThreads() async {
            await #expect(processExitsWith: .signal(SIGUSR1)) {
                let watch = try SignalWatch.start { _ in }
                watch.stop()
                // As threads do that were started while the watch was on.
                var set = sigset_t()
                sigemptyset(&set)
                sigaddset(&set, SIGUSR1)
                pthread_sigmask(SIG_BLOCK, &set, nil)
                SignalWatch.deliver(.user1)
            }
        }

        @Test("A process can end by the signal itself from the thread that got it")
        func endsBySignal() async {
            await #expect(processExitsWith: .signal(SIGINT)) {
                _ = try SignalWatch.start { signal in SignalWatch.endProcess(by: signal) }
                kill(getpid(), SIGINT)
                sleep(20)
            }
        }

        @Test("Exit codes and names follow the shell's convention")
        func exitCodes() {
            #expect(WatchedSignal.interrupt.exitCode == 130)
            #expect(WatchedSignal.terminate.exitCode == 143)
            #expect(
                WatchedSignal.allCases.map(\.description).sorted() == [
                    "SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1",
                ]
            )
            #expect(WatchedSignal.allCases.map(\.rawValue) == [SIGHUP, SIGINT, SIGUSR1, SIGTERM])
        }
    }
}
