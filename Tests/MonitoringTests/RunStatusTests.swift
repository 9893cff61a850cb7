import Foundation
import Monitoring
import Testing

@Suite("The status of a run as a value")
struct RunStatusTests {
    @Test("as JSON and back, everything stays")
    func roundTrip() throws {
        let status = SampleStatus.fitting
        #expect(try RunStatus(json: status.json()) == status)
        #expect(try RunStatus(json: status.json(pretty: true)) == status)
        let bare = RunStatus(release: "1", standing: .stopped, method: "?", runDirectory: "d")
        #expect(try RunStatus(json: bare.json()) == bare)
    }

    @Test("numbers that are not finite survive")
    func notFinite() throws {
        var status = SampleStatus.fitting
        status.progress?.secondsLeft = .infinity
        #expect(try RunStatus(json: status.json()).progress?.secondsLeft == .infinity)
    }

    @Test("names in JSON are in snake case, as scripts and the page read them")
    func names() throws {
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(try SampleStatus.fitting.json()))
                as? [String: Any]
        )
        for name in [
            "version", "release", "standing", "phase", "method", "input", "output", "run_directory",
            "host", "process", "started_at", "elapsed_seconds", "progress", "perturbations",
            "workers", "leases", "given_up", "retried", "departures", "tallies", "traffic",
            "memory",
        ] {
            #expect(object[name] != nil, "\(name)")
        }
        let worker = try #require((object["workers"] as? [[String: Any]])?.first)
        for name in ["numa_node", "silent_seconds", "resident_bytes", "running", "strikes"] {
            #expect(worker[name] != nil, "\(name)")
        }
        let progress = try #require(object["progress"] as? [String: Any])
        #expect(progress["per_second_overall"] as? Double == 2)
    }

    @Test("a later release's further fields do not matter, missing ones do")
    func versions() throws {
        var text = String(decoding: try SampleStatus.fitting.json(), as: UTF8.self)
        text = text.replacing("{\"departures\"", with: "{\"brand_new\":[1],\"departures\"")
        #expect(text.contains("brand_new"))
        #expect(try RunStatus(json: Array(text.utf8)) == SampleStatus.fitting)
        for damaged in ["", "{}", "[]", "null", String(text.dropLast(9))] {
            #expect(throws: MonitoringError.notAStatus) {
                try RunStatus(json: Array(damaged.utf8))
            }
        }
    }

    @Test("the states of perturbations add up")
    func states() {
        let perturbations = SampleStatus.fitting.perturbations
        #expect(perturbations?.total == 100)
        #expect(perturbations?.byState.map(\.count).reduce(0, +) == 100)
    }
}
