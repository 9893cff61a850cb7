import ChildProcesses
import Foundation
import Glibc
import Testing

@Suite("A network that is cut")
struct NetworkTests {
    private static let reason: String =
        "needs network namespaces and the program ip, as root may; scripts/faults/network.sh"
    private static let isPossible: Bool = {
        guard let folder = try? TestFolder() else { return false }
        let ended = try? Program.run(
            "/usr/bin/unshare",
            ["-n", "-m", "ip", "link", "add", "try", "type", "bridge"],
            in: folder
        )
        return ended?.status == .exited(code: 0)
    }()

    @Test(
        "for less than the silence limit loses nothing",
        .enabled(if: isPossible, "\(reason)")
    )
    func shortCut() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let programs = URL(filePath: try Program.path(Program.coordinator))
        let folder = try TestFolder()
        let ended = try Program.run(
            root.appending(path: "scripts/faults/network.sh").path,
            ["short"],
            in: folder,
            variables: ["CRISPYX_BIN": programs.deletingLastPathComponent().path],
            deadline: .seconds(120)
        )
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(ended.output.contains("+ short: the session outlives the cut"), "\(ended.output)")
    }
}
