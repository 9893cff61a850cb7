import ChildProcesses
import Foundation
import Glibc
import Testing

@Suite("Array mode refuses what would mix or lose something")
struct ArrayRefusalTests {
    private let screen = Screen(perturbations: 4, genes: 40, cellsPerPerturbation: 12)

    private func prepared() throws -> ArrayRun {
        let array = ArrayRun(try Run(screen))
        let ended = try array.prepare()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(ended.output == array.path + "\n")
        return array
    }

    @Test("a part that is none", arguments: ["3/3", "+1/3", "1", "a/b", "0/0"])
    func parts(text: String) throws {
        let ended = try prepared().fit(text)
        #expect(ended.status == .exited(code: 64))
        #expect(ended.errors.contains("0 to N-1"))
    }

    @Test("a directory without a prepared run")
    func nothing() throws {
        let array = ArrayRun(try Run(screen))
        #expect(try array.fit("0/1").status == .exited(code: 66))
        #expect(try array.merge().status == .exited(code: 66))
        #expect(!array.run.folder.exists(array.directory), "nothing is made")
    }

    @Test("the same directory for other options, naming them; the same ones change nothing")
    func otherOptions() throws {
        let array = try prepared()
        #expect(try array.fit("0/1").status == .exited(code: 0))
        let rows = try array.rows()
        let same = try array.prepare()
        #expect(same.status == .exited(code: 0))
        #expect(try array.rows() == rows)
        let other = try array.prepare(["--min-pct-ctrl", "0.25"])
        #expect(other.status == .exited(code: 65))
        #expect(other.errors.contains("0.25"), "\(other.errors)")
        #expect(try array.rows() == rows)
        let forced = try array.prepare(["--min-pct-ctrl", "0.25", "--force"])
        #expect(forced.status == .exited(code: 0), "\(forced.errors)")
        #expect(try array.rows().isEmpty)
        #expect(try array.merge().status == .exited(code: 75))
    }

    @Test("a served run in a prepared directory, and preparing in a served run's")
    func modes() throws {
        let array = try prepared()
        let served = try array.run.run(Run.oneWorker + ["--run-dir", array.path])
        #expect(served.status == .exited(code: 73))
        #expect(served.errors.contains("array mode"))
        let interrupted = try array.run.run(variables: ["CRISPYX_FAIL": "before-publication:1"])
        #expect(interrupted.status == .signalled(number: SIGKILL, coreDumped: false))
        let second = try Program.run(
            Program.coordinator,
            ["prepare"] + array.run.arguments,
            in: array.run.folder
        )
        #expect(second.status == .exited(code: 73))
        #expect(second.errors.contains("--resume"))
    }

    @Test(
        "options that have no effect",
        arguments: [
            ["--listen", ":0"], ["--local-workers", "2"], ["--resume"], ["--data-plane", "shared"],
        ]
    )
    func idle(options: [String]) throws {
        let array = ArrayRun(try Run(screen))
        let ended = try array.prepare(options)
        #expect(ended.status == .exited(code: 64))
        #expect(ended.errors.contains(options[0]))
    }

    @Test(
        "damaged files of the run directory",
        arguments: ["prepared.json", "resources.json", "resources.bin"]
    )
    func damage(name: String) throws {
        let array = try prepared()
        let path = array.path + "/" + name
        var bytes = try Data(contentsOf: URL(filePath: path))
        for index in stride(from: 3, to: bytes.count, by: 50) { bytes[index] ^= 1 }
        try bytes.write(to: URL(filePath: path))
        for ended in [try array.fit("0/1"), try array.merge()] {
            #expect(ended.status == .exited(code: 65), "\(ended.errors)")
            #expect(ended.errors.contains(name) || ended.errors.contains("another run"))
        }
        let again = try array.prepare(["--force"])
        #expect(again.status == .exited(code: 0), "\(again.errors)")
    }

    @Test("an output that is there")
    func output() throws {
        let array = try prepared()
        #expect(try array.fit("0/1").status == .exited(code: 0))
        let path = array.run.folder.file(array.run.output)
        try Data("mine".utf8).write(to: URL(filePath: path))
        let ended = try array.merge()
        #expect(ended.status == .exited(code: 73))
        #expect(array.run.result == Data("mine".utf8))
        #expect(try array.merge(["--force"]).status == .exited(code: 0))
    }

    @Test("a full disk, keeping what is saved")
    func diskFull() throws {
        let array = try prepared()
        // The limit on the size of files stands for a disk without room.
        let worker = try Program.path(Program.worker)
        let ended = try Program.run(
            "/bin/sh",
            [
                "-c", "ulimit -f 12; exec \"$0\" fit --run-dir \"$1\" --shard 0/1 --threads 1",
                worker, array.path,
            ],
            in: array.run.folder
        )
        #expect(ended.status == .exited(code: 74), "\(ended.errors)")
        #expect(ended.errors.contains("free space"))
        let rows = try array.rows().count
        #expect(rows < 4)
        #expect(try array.fit("0/1").status == .exited(code: 0))
        #expect(try array.rows().values.allSatisfy { $0 == 1 })
        #expect(try array.merge().status == .exited(code: 0))
    }
}
