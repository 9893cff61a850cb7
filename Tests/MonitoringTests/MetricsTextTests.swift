import Monitoring
import Testing

@Suite("Metrics as Prometheus reads them")
struct MetricsTextTests {
    private struct Sample: Equatable {
        var labels: [String: String]
        var value: Double
    }

    private struct Family {
        var kind: String
        var help: String
        var samples: [Sample] = []
    }

    /// A reader of the exposition format, written from its specification alone.
    private func parse(_ text: String) throws -> [String: Family] {
        var families: [String: Family] = [:]
        var help: [String: String] = [:]
        #expect(text.hasSuffix("\n"))
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# HELP ") {
                #expect(help[words[2]] == nil, "HELP once")
                help[words[2]] = words[3]
            } else if line.hasPrefix("# TYPE ") {
                let name = words[2]
                #expect(families[name] == nil, "TYPE once, before the samples")
                #expect(["gauge", "counter"].contains(words[3]))
                families[name] = Family(kind: words[3], help: try #require(help[name]))
            } else {
                let (name, sample) = try self.sample(String(line))
                let isKnown = families[name] != nil
                #expect(isKnown, "\(name) has a TYPE")
                families[name]?.samples.append(sample)
            }
        }
        return families
    }

    private func sample(_ line: String) throws -> (String, Sample) {
        var rest = line[...]
        let name = String(rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" })
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = String(rest.prefix { $0 != "=" })
                rest = rest.dropFirst(label.count)
                #expect(rest.hasPrefix("=\""))
                rest = rest.dropFirst(2)
                var value = ""
                while let character = rest.popFirst(), character != "\"" {
                    guard character == "\\" else {
                        value.append(character)
                        continue
                    }
                    guard let escaped = rest.popFirst() else { break }
                    value.append(escaped == "n" ? "\n" : escaped)
                }
                labels[label] = value
                if rest.first == "," { rest = rest.dropFirst() }
            }
            rest = rest.dropFirst()
        }
        #expect(rest.first == " ")
        let value = try #require(Double(rest.dropFirst()))
        return (name, Sample(labels: labels, value: value))
    }

    @Test("every figure of a status, under names with base units")
    func values() throws {
        let families = try parse(MetricsText(SampleStatus.fitting).text)
        func single(_ name: String) -> Double? { families[name]?.samples.first?.value }
        #expect(single("crispyx_elapsed_seconds") == 61.5)
        #expect(single("crispyx_phase_progress_ratio") == 0.25)
        #expect(single("crispyx_phase_left_seconds") == 30)
        #expect(single("crispyx_rows_total") == 25)
        #expect(single("crispyx_workers") == 2)
        #expect(single("crispyx_worker_threads") == 8)
        #expect(single("crispyx_worker_resident_memory_bytes") == 3000)
        #expect(single("crispyx_worker_silence_seconds") == 2)
        #expect(single("crispyx_row_in_flight_bytes") == 1024)
        #expect(single("crispyx_block_leased_bytes") == 4096)
        #expect(single("crispyx_resident_memory_bytes") == 1_048_576)
        let states = families["crispyx_perturbations"]?.samples ?? []
        #expect(states.map(\.value).reduce(0, +) == 100)
        #expect(states.contains(Sample(labels: ["state": "quarantined"], value: 2)))
        let phases = families["crispyx_phase"]?.samples ?? []
        #expect(phases.filter { $0.value == 1 } == [Sample(labels: ["phase": "fitting"], value: 1)])
        #expect(phases.count == RunStatus.Phase.allCases.count)
        #expect(families["crispyx_run_info"]?.samples.first?.labels == ["method": "nb-glm"])
    }

    @Test("names follow the conventions")
    func names() throws {
        for (name, family) in try parse(MetricsText(SampleStatus.fitting).text) {
            #expect(name.hasPrefix("crispyx_"))
            #expect(name.hasSuffix("_total") == (family.kind == "counter"), "\(name)")
            #expect(!family.samples.isEmpty, "\(name)")
            #expect(!family.help.isEmpty, "\(name)")
        }
    }

    @Test("how many series there are does not depend on workers or labels")
    func cardinality() throws {
        var crowd = SampleStatus.fitting
        crowd.workers = Array(repeating: crowd.workers[1], count: 400)
        crowd.givenUp = Array(repeating: crowd.givenUp[0], count: 90)
        let few = MetricsText(SampleStatus.fitting).text
        let many = MetricsText(crowd).text
        #expect(few.split(separator: "\n").count == many.split(separator: "\n").count)
        #expect(!many.contains("node"))
    }

    @Test("what is not known is absent")
    func unknown() throws {
        let bare = RunStatus(release: "1", standing: .live, method: "t-test", runDirectory: "d")
        let families = try parse(MetricsText(bare).text)
        for name in [
            "crispyx_perturbations", "crispyx_phase_left_seconds", "crispyx_row_in_flight_bytes",
        ] {
            let isThere = families[name] != nil
            #expect(!isThere, "\(name)")
        }
        #expect(families["crispyx_workers"]?.samples.first?.value == 0)
    }

    @Test("label values are escaped")
    func escaping() throws {
        let strange = "a\"b\\c\nd"
        let status = RunStatus(release: "1", standing: .live, method: strange, runDirectory: "d")
        let families = try parse(MetricsText(status).text)
        #expect(families["crispyx_run_info"]?.samples.first?.labels["method"] == strange)
    }
}
