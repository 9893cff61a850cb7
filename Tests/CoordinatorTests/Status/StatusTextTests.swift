import Coordinator
import Foundation
import Monitoring
import Testing

@Suite("A status for a terminal")
struct StatusTextTests {
    private var live: RunStatus {
        var status = RunStatus(
            release: "1",
            standing: .live,
            method: "nb-glm",
            runDirectory: "/data/r.crispyx"
        )
        status.phase = .fitting
        status.input = "/data/s.h5ad"
        status.host = "node0"
        status.process = 4711
        status.elapsedSeconds = 61
        status.progress = RunStatus.Progress(
            done: 25,
            total: 100,
            unit: "perturbations",
            fraction: 0.25,
            perSecond: 2.5,
            perSecondOverall: 12,
            secondsLeft: 300
        )
        return status
    }

    @Test("what matters, in lines")
    func lines() {
        var status = live
        var perturbations = RunStatus.Perturbations()
        perturbations.pending = 75
        perturbations.done = 25
        perturbations.resumed = 5
        status.perturbations = perturbations
        status.memory = RunStatus.Memory(residentBytes: 3 << 20, limitBytes: 1 << 30)
        #expect(
            StatusText(status).text == """
                run         nb-glm of /data/s.h5ad
                state       fitting, process 4711 on node0 (61 s)
                progress    [######..................] 25 %  25 of 100 perturbations
                rate        2.5/s, 12/s overall, 5 min left
                by state    pending 75  done 25  (5 from before)
                memory      3 MiB here, limit 1 GiB
                record      /data/r.crispyx
                workers     0, 0 threads

                """
        )
    }

    @Test("columns are aligned and names of any origin do no harm")
    func table() {
        var status = live
        for (index, name) in ["a", "node\u{1B}[31m\u{202E}\nx"].enumerated() {
            var worker = RunStatus.Worker(
                number: UInt64(index),
                host: name,
                process: 7,
                threads: 10 * index,
                connectedSeconds: 3,
                silentSeconds: 0,
                unfinished: 1,
                finished: 2,
                limitBytes: 0
            )
            worker.running = ["g1", "g2", "g3", "g4"]
            status.workers.append(worker)
        }
        status.givenUp = [
            RunStatus.GivenUp(perturbation: "p\r", kind: "failed", reasons: ["x\u{7}", "y"])
        ]
        let text = StatusText(status).text
        #expect(!text.unicodeScalars.contains { $0.value < 32 && $0 != "\n" })
        #expect(!text.contains("\u{202E}"))
        #expect(text.contains("g1, g2, g3, ..."))
        let rows = text.split(separator: "\n").filter { $0.contains("/7 ") }
        let places = rows.map { row in
            row.range(of: "g1").map { row.distance(from: row.startIndex, to: $0.lowerBound) }
        }
        #expect(places.count == 2 && places[0] == places[1])
        #expect(text.contains("1 given up, 0 retried") && text.contains("x\u{FFFD}; y"))
    }

    @Test("a run that is over says what to do next")
    func next() {
        var status = live
        status.standing = .stopped
        status.phase = nil
        status.remedy = "crispyx-coordinator a --resume"
        let text = StatusText(status).text
        #expect(text.contains("state       stopped, can be resumed (61 s)\n"))
        #expect(text.hasSuffix("next        crispyx-coordinator a --resume\n"))
        #expect(!text.contains("workers"))
    }
}

@Suite("Addresses of status pages, and command lines to copy")
struct StatusAddressTests {
    @Test(
        "a port alone is loopback; an address has a port",
        arguments: [
            ("9400", "127.0.0.1", 9400, true), ("0", "127.0.0.1", 0, true),
            ("localhost:1", "localhost", 1, true), ("[::1]:9", "::1", 9, true),
            (":9400", "", 9400, false), ("0.0.0.0:9400", "0.0.0.0", 9400, false),
            ("node0:9400", "node0", 9400, false),
        ]
    )
    func good(text: String, host: String, port: Int, isLoopback: Bool) throws {
        let address = try #require(StatusAddress(text))
        #expect(address.host == host && address.port == port)
        #expect(address.isLoopback == isLoopback)
    }

    @Test(
        "anything else is none",
        arguments: ["", "65536", "localhost", "::1", "[::1]", "a:b", "a:", "-1", "9400x", "1:2:3"]
    )
    func bad(text: String) {
        #expect(StatusAddress(text) == nil)
    }

    @Test("the command that resumes")
    func resume() {
        let words = ["/bin/c", "run", "a b.h5ad", "--force", "--method", "t-test", "it's"]
        #expect(
            ResumeCommand(words: words, isForced: true).text
                == "/bin/c run 'a b.h5ad' --method t-test 'it'\\''s' --resume"
        )
        #expect(
            ResumeCommand(words: ["c", "--resume", "--", "-a"], isForced: false).text
                == "c --resume -- -a"
        )
        #expect(ResumeCommand(words: ["c"], isForced: true).text.contains("without 'force'"))
    }
}
